import { AtomicError } from '../base/index.ts';
import { parseEngine, type RawEngine } from '../signature/index.ts';
import type { RemoteConfig } from './remote-config.ts';

/** Which signatures a remote demands of its commits, or of its summary. */
export interface DemandedKinds {
  readonly gpg: boolean;
  /** `sign-verify`: any of these engines; none where it is switched off. */
  readonly engines: readonly RawEngine[];
}

/** The engines that `sign-verify=true` means. */
const allEngines: readonly RawEngine[] = ['ed25519', 'spki'];

/** What is demanded of every commit of the remote. `NotSupported` for a kind of signature that is not known here. */
export function demandedOfCommits(remote: RemoteConfig): DemandedKinds {
  return { gpg: remote.gpgVerify, engines: parseEngines(remote.signVerify) };
}

/** What is demanded of the remote's summary. `NotSupported` for a kind of signature that is not known here. */
export function demandedOfSummary(remote: RemoteConfig): DemandedKinds {
  return { gpg: remote.gpgVerifySummary, engines: parseEngines(remote.signVerifySummary) };
}

/** True if the remote demands a signature of any kind on its commits. */
export function demandsSignedCommits(remote: RemoteConfig): boolean {
  return isDemand(demandedOfCommits(remote));
}

/** True if anything is demanded. */
export function isDemand({ gpg, engines }: DemandedKinds): boolean {
  return gpg || engines.length > 0;
}

/** Returns if every setting of the remote that changes what a pull means is honoured; `NotSupported` names the first that is not. */
export function requireSupported(remote: RemoteConfig): void {
  if (remote.unconfiguredState !== undefined) {
    throw new AtomicError('RemoteInvalid', `Remote "${remote.name}" is not configured: ${remote.unconfiguredState}`, {
      facts: { remote: remote.name },
    });
  }
  demandedOfCommits(remote);
  demandedOfSummary(remote);
  const [key] = remote.unsupported;
  if (key === undefined) return;
  throw new AtomicError('NotSupported', `Remote "${remote.name}" sets ${key}, which is not supported`, {
    facts: { remote: remote.name, key, source: remote.source },
    hint: `Remove ${key} from [remote "${remote.name}"] of ${remote.source}, or use another remote.`,
  });
}

/** The value is a boolean or a list of engines; everything but an explicit no is a demand. */
function parseEngines(value: string | undefined): readonly RawEngine[] {
  const text = value?.trim() ?? '';
  if (['', 'false', '0'].includes(text)) return [];
  if (['true', '1'].includes(text)) return allEngines;
  const names = text.split(';').map((name) => name.trim());
  return names.filter((name) => name !== '').map(parseEngine);
}
