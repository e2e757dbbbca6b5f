import { commitVersion, type Commit, type Origin, type VariantDict } from '../format/index.ts';
import { sendableBytes, wireDict, wireVariant, type WireDict, type WireVariant } from '../ipc/index.ts';
import { Dir } from '../platform/index.ts';
import { loadRemotes, type RemoteConfig } from '../remote/index.ts';
import { resolveRev, tryLoadCommit, type Repo } from '../repo/index.ts';
import type { Deployment, Sysroot } from '../sysroot/index.ts';
import type { SignatureBook } from './signature-book.ts';

/** Commit metadata that is large and that no client of the dictionary reads. */
const heavyMetadata: ReadonlySet<string> = new Set([
  'ostree.sizes',
  'rpmostree.rpmdb.pkglist',
  'rpmostree.advisories',
  'rpmostree.packages',
  'rpmostree.modules',
  'rpmostree.spec',
  'rpmostree.removed-base-packages',
  'rpmostree.replaced-base-packages',
  'rpmostree.replaced-base-remote-packages',
]);

/** A single value above this is data, not a description; every client would be sent it with every change. */
const maxMetadataValueBytes = 64 * 1024;

/** What all deployments of one reading share. */
export interface DescribeContext {
  readonly sysroot: Sysroot;
  readonly remotes: ReadonlyMap<string, RemoteConfig>;
  readonly signatures: SignatureBook;
}

/** Reads what the dictionaries need once per reading; remotes that cannot be read are as if there were none. */
export function describeContext(sysroot: Sysroot, signatures: SignatureBook): DescribeContext {
  try {
    const remotes = loadRemotes(sysroot.repo, { remotesDir: `${sysroot.path}/etc/ostree/remotes.d` });
    return { sysroot, remotes, signatures };
  } catch {
    return { sysroot, remotes: new Map(), signatures };
  }
}

/**
 * The `a{sv}` that stands for a deployment on the bus. Total: a commit that is missing or damaged costs its version, not
 * the dictionary, because a client shows all deployments or none.
 */
export function describeDeployment(context: DescribeContext, one: Deployment): WireDict {
  const { repo } = context.sysroot;
  const commit = readCommit(repo, one.checksum);
  return wireDict({
    id: text(one.id),
    osname: text(one.stateroot),
    serial: wireVariant('i', one.serial),
    checksum: text(one.checksum),
    booted: flag(one.booted),
    staged: flag(one.staged),
    pinned: flag(one.pinned),
    unlocked: text(one.origin.unlocked ?? (isUnlocked(context.sysroot, one) ? 'development' : 'none')),
    ...describeCommit(commit),
    ...describeOrigin(context, one),
    ...describePending(repo, one),
    'finalization-locked': one.staged && one.locked ? flag(true) : undefined,
    'base-commit-meta': wireVariant('a{sv}', publishedMetadata(commit?.metadata)),
    ...describeRequests(one.origin),
  });
}

/** True while an overlay over /usr is mounted until the next boot; libostree leaves a mark below /run. */
function isUnlocked({ boot }: Sysroot, one: Deployment): boolean {
  const mark = `ostree/deployment-state/${one.id}/unlocked-development`;
  const found = quietly(() => {
    using run = Dir.open(boot?.runDir ?? '/run');
    return run.exists(mark);
  });
  return one.booted && found === true;
}

/** Keys `version`, `timestamp` (always: a page that finds none stays blank) and `endoflife` of a commit. */
export function describeCommit(commit: Commit | undefined): Record<string, WireVariant | undefined> {
  const endOfLife = commit?.metadata.get('ostree.endoflife');
  return {
    version: optionalText(commit === undefined ? undefined : commitVersion(commit)),
    timestamp: wireVariant('t', BigInt(commit?.timestampSeconds ?? 0)),
    endoflife: endOfLife?.type === 's' ? endOfLife : undefined,
  };
}

/** Keys that tell where a deployment comes from: `origin`, `gpg-enabled` and `signatures` or `remote-error`, the custom origin. */
export function describeOrigin(
  context: DescribeContext,
  { origin, checksum }: Pick<Deployment, 'origin' | 'checksum'>,
): Record<string, WireVariant | undefined> {
  const { refspec } = origin;
  const container = origin.keyfile.get('origin', 'container-image-reference');
  if (container !== undefined) return { 'container-image-reference': text(container) };
  const name = refspec?.includes(':') === true ? refspec.slice(0, refspec.indexOf(':')) : undefined;
  const remote = name === undefined ? undefined : context.remotes.get(name);
  const custom = origin.customUrl;
  return {
    origin: optionalText(refspec),
    'gpg-enabled': remote === undefined ? undefined : flag(remote.gpgVerify),
    signatures: remote?.gpgVerify === true ? context.signatures.look({ checksum, remote }) : undefined,
    'remote-error': name === undefined || remote !== undefined ? undefined : text(`Remote "${name}" not found`),
    'custom-origin': custom === undefined ? undefined : wireVariant('(ss)', [custom, origin.customDescription ?? '']),
  };
}

/** Keys `pending-base-…` when the origin's ref already names another commit than the one deployed. */
function describePending(repo: Repo, one: Deployment): Record<string, WireVariant | undefined> {
  const { refspec } = one.origin;
  if (refspec === undefined) return {};
  const pending = quietly(() => resolveRev(repo, refspec));
  if (pending === undefined || pending === one.checksum) return {};
  const commit = readCommit(repo, pending);
  return {
    'pending-base-checksum': text(pending),
    'pending-base-version': optionalText(commit === undefined ? undefined : commitVersion(commit)),
    'pending-base-timestamp': wireVariant('t', BigInt(commit?.timestampSeconds ?? 0)),
  };
}

/** The package keys. Clients take them for granted, so the empty ones are sent too. */
function describeRequests(origin: Origin): Record<string, WireVariant | undefined> {
  const list = (group: string, key: string): WireVariant =>
    wireVariant('as', quietly(() => origin.keyfile.getList(group, key)) ?? []);
  const args = quietly(() => origin.keyfile.getList('rpmostree', 'initramfs-args')) ?? [];
  const regenerate = quietly(() => origin.keyfile.getBoolean('rpmostree', 'regenerate-initramfs')) ?? false;
  return {
    'regenerate-initramfs': flag(regenerate),
    'initramfs-args': regenerate && args.length > 0 ? wireVariant('as', args) : undefined,
    packages: wireVariant('as', []),
    'requested-packages': list('packages', 'requested'),
    'requested-local-packages': list('packages', 'requested-local'),
    'requested-local-fileoverride-packages': list('packages', 'requested-local-fileoverride'),
    'requested-base-removals': list('overrides', 'remove'),
    'requested-base-local-replacements': list('overrides', 'replace-local'),
    'base-removals': wireVariant('av', []),
    'base-local-replacements': wireVariant('a(vv)', []),
    'base-remote-replacements': wireVariant('a{sv}', new Map()),
  };
}

/** The metadata without what is heavy and without what D-Bus cannot carry. */
function publishedMetadata(metadata: VariantDict | undefined): WireDict {
  const light = [...(metadata ?? [])].filter(([key]) => !heavyMetadata.has(key));
  return new Map(light.filter(([, value]) => (sendableBytes(value) ?? Infinity) <= maxMetadataValueBytes));
}

function readCommit(repo: Repo, checksum: Deployment['checksum']): Commit | undefined {
  return quietly(() => tryLoadCommit(repo, checksum));
}

/** What `read` gives; undefined if it throws, for values of which a damaged one must not hide the rest. */
function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

const text = (value: string): WireVariant => wireVariant('s', value);
const flag = (value: boolean): WireVariant => wireVariant('b', value);
const optionalText = (value: string | undefined): WireVariant | undefined =>
  value === undefined ? undefined : text(value);
