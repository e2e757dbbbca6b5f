import { AtomicError, type Checksum } from '../base/index.ts';
import { type Commit, metadataStrings } from '../format/index.ts';

/**
 * Returns if the commit may be taken for `ref`: a commit that lists the refs it is meant for (`ostree.ref-binding`) must
 * list this one, or a server could hand out the commit of another branch. `RemoteInvalid` otherwise. OSTree: bindings.
 */
export function requireBoundTo(commit: Commit, checksum: Checksum, ref: string): void {
  if (!commit.metadata.has('ostree.ref-binding')) return;
  const bindings = metadataStrings(commit, 'ostree.ref-binding') ?? [];
  if (bindings.includes(ref)) return;
  const named = bindings.map((name) => `'${name}'`).join(', ');
  throw new AtomicError(
    'RemoteInvalid',
    `Commit ${checksum} has no requested ref '${ref}' in ref binding metadata (${named})`,
    {
      facts: { checksum, ref },
      hint: 'The remote offers the commit of another branch under this name; tell who runs it.',
    },
  );
}

/** Returns unless the commit is older than the one it would replace; `Downgrade` with both times otherwise. */
export function requireNotOlder(
  next: { readonly checksum: Checksum; readonly commit: Commit },
  current: { readonly checksum: Checksum; readonly commit: Commit },
): void {
  if (next.commit.timestampSeconds >= current.commit.timestampSeconds) return;
  throw new AtomicError(
    'Downgrade',
    `Upgrade target revision '${next.checksum}' with timestamp '${timeText(next.commit)}' is chronologically older than ` +
      `current revision '${current.checksum}' with timestamp '${timeText(current.commit)}'`,
    {
      facts: { checksum: next.checksum, current: current.checksum },
      hint: 'If the older version is wanted, use --allow-downgrade.',
    },
  );
}

function timeText(commit: Commit): string {
  const date = new Date(commit.timestampSeconds * 1000);
  return Number.isNaN(date.getTime()) ? `${commit.timestampSeconds} s` : date.toISOString();
}
