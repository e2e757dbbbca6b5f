import { AtomicError } from '../base/index.ts';
import type { RemoteConfig } from './remote-config.ts';

/**
 * Returns if the remote demands no signature. `SignatureRequired` otherwise: signatures cannot be checked yet, and what
 * asks for a check is never taken without one. The message names the key that demands it; an absent `gpg-verify` does.
 */
export function requireUnsigned(remote: RemoteConfig): void {
  const key = demandingKey(remote);
  if (key === undefined) return;
  throw new AtomicError(
    'SignatureRequired',
    `Remote "${remote.name}" requires signatures (${key}) and this version cannot check them`,
    {
      facts: { remote: remote.name, key, source: remote.source },
      hint:
        `If you trust the server and the way to it, say so knowingly: set ${key.replace(/=.*/, '')}=false in ` +
        `[remote "${remote.name}"] of ${remote.source}.`,
    },
  );
}

/** Returns if every setting of the remote that changes what a pull means is honoured; `NotSupported` names the first that is not. */
export function requireSupported(remote: RemoteConfig): void {
  if (remote.unconfiguredState !== undefined) {
    throw new AtomicError('RemoteInvalid', `Remote "${remote.name}" is not configured: ${remote.unconfiguredState}`, {
      facts: { remote: remote.name },
    });
  }
  const [key] = remote.unsupported;
  if (key === undefined) return;
  throw new AtomicError('NotSupported', `Remote "${remote.name}" sets ${key}, which is not supported`, {
    facts: { remote: remote.name, key, source: remote.source },
    hint: `Remove ${key} from [remote "${remote.name}"] of ${remote.source}, or use another remote.`,
  });
}

/** The first setting that demands a signature, with its value, as the message shows it. */
function demandingKey(remote: RemoteConfig): string | undefined {
  if (remote.gpgVerify) return 'gpg-verify=true, the default';
  if (remote.gpgVerifySummary) return 'gpg-verify-summary=true';
  if (isDemanded(remote.signVerify)) return `sign-verify=${remote.signVerify}`;
  if (isDemanded(remote.signVerifySummary)) return `sign-verify-summary=${remote.signVerifySummary}`;
  return undefined;
}

/** The value is a boolean or a list of engines; everything but an explicit no is a demand. */
function isDemanded(value: string | undefined): value is string {
  return value !== undefined && !['', 'false', '0'].includes(value.trim());
}
