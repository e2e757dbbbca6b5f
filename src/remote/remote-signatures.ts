import { AtomicError, type Checksum } from '../base/index.ts';
import { decodeVariant, type Variant, type VariantDict } from '../format/index.ts';
import { systemClock } from '../platform/index.ts';
import { loadCommitMeta, loadMetadata, type Repo } from '../repo/index.ts';
import {
  defaultGlobalKeyringDir,
  defaultRawKeyDirs,
  type GpgSignature,
  gpgSignatureTuple,
  type Keyring,
  loadKeyring,
  loadRawKeys,
  type RawEngine,
  requireSignatures,
  type SignatureDemand,
  signaturesIn,
  verifyGpg,
} from '../signature/index.ts';
import { keyringName, type RemoteConfig } from './remote-config.ts';
import { demandedOfCommits, demandedOfSummary, type DemandedKinds, isDemand } from './remote-policy.ts';

/** Where this host keeps keys that count for every remote without keys of its own; the usual places by default. */
export interface SystemTrust {
  /** Directory of OpenPGP keyrings. */
  readonly keyringDir?: string | undefined;
  /** Directories of `trusted.ENGINE[.d]` and `revoked.ENGINE[.d]`. */
  readonly keyDirs?: readonly string[];
}

/** A commit as it arrived, before anything of it is kept. */
export interface UnprovenCommit {
  readonly checksum: Checksum;
  readonly bytes: Uint8Array;
  readonly detached: VariantDict | undefined;
}

const commitSettings = { gpg: 'gpg-verify', raw: 'sign-verify' };
const summarySettings = { gpg: 'gpg-verify-summary', raw: 'sign-verify-summary' };

/** Checks what comes from a remote against the signatures it demands. Keys are read when the first one is needed. */
export class RemoteSignatures {
  readonly demandsCommits: boolean;
  readonly demandsSummary: boolean;
  readonly #repo: Repo;
  readonly #remote: RemoteConfig;
  readonly #system: SystemTrust;
  #keyring: Keyring | undefined;

  constructor(repo: Repo, remote: RemoteConfig, system: SystemTrust = {}) {
    this.#repo = repo;
    this.#remote = remote;
    this.#system = system;
    this.demandsCommits = isDemand(demandedOfCommits(remote));
    this.demandsSummary = isDemand(demandedOfSummary(remote));
  }

  /**
   * Returns if the commit bears every signature that the remote demands, with the verdicts of its OpenPGP signatures.
   * `SignatureRequired` if a kind is missing altogether, `SignatureInvalid` if none of a kind counts.
   */
  async requireCommit({ checksum, bytes, detached }: UnprovenCommit): Promise<readonly GpgSignature[]> {
    const demand = this.#demand(demandedOfCommits(this.#remote));
    const thing = { data: bytes, detached, name: `Commit ${checksum}`, settings: commitSettings };
    return await requireSignatures(demand, thing, systemClock.now());
  }

  /** As {@link requireCommit} for a summary and its `summary.sig`; either may be absent. */
  async requireSummary(bytes: Uint8Array | undefined, signature: Uint8Array | undefined): Promise<void> {
    if (!this.demandsSummary) return;
    const { name } = this.#remote;
    const kinds = demandedOfSummary(this.#remote);
    const missing = bytes === undefined ? 'summary' : signature === undefined ? 'summary.sig' : undefined;
    if (bytes === undefined || signature === undefined) throw unsigned(this.#remote, kinds, missing ?? 'summary');
    const thing = {
      data: bytes,
      detached: decodeSignatureFile(this.#remote, signature),
      name: `Summary of remote "${name}"`,
      settings: summarySettings,
    };
    await requireSignatures(this.#demand(kinds), thing, systemClock.now());
  }

  #demand({ gpg, engines }: DemandedKinds): SignatureDemand {
    return {
      ...(gpg ? { gpg: (this.#keyring ??= remoteKeyring(this.#repo, this.#remote, this.#system)) } : {}),
      ...(engines.length === 0 ? {} : { raw: new Map(engines.map((engine) => [engine, this.#loadKeys(engine)])) }),
    };
  }

  #loadKeys(engine: RawEngine) {
    const { key, file } = this.#remote.trust[engine];
    return loadRawKeys(engine, { inlineKey: key, file, baseDirs: this.#system.keyDirs ?? defaultRawKeyDirs });
  }
}

/** The OpenPGP keys that may sign for a remote; those of the whole system without one. */
function remoteKeyring(repo: Repo, remote: RemoteConfig | undefined, system: SystemTrust): Keyring {
  const globalDir = system.keyringDir ?? defaultGlobalKeyringDir;
  if (remote === undefined) return loadKeyring({ rings: [], keyPaths: [], globalDir });
  const file = keyringName(remote.name);
  const { source, trust } = remote;
  if (trust.gpgKeyPaths.some((path) => /[;,]/.test(path))) {
    throw new AtomicError('InvalidFormat', 'gpgkeypath: key value list contains more than one separator', {
      facts: { remote: remote.name, source },
      hint: `Separate the paths in [remote "${remote.name}"] of ${source} by semicolons.`,
    });
  }
  // A remote of the host's remotes.d may have its ring beside its settings.
  const besideSource = source.includes('/') ? [`${source.slice(0, source.lastIndexOf('/'))}/${file}`] : [];
  const ofRepos: string[] = [];
  for (let place: Repo | undefined = repo; place !== undefined; place = place.parent)
    ofRepos.push(`${place.path}/${file}`);
  return loadKeyring({ rings: [...new Set([...ofRepos, ...besideSource])], keyPaths: trust.gpgKeyPaths, globalDir });
}

/** What the OpenPGP signatures of a commit that is here are worth by the keys of a remote; refuses nothing. */
export async function judgeCommit(
  repo: Repo,
  commit: { readonly checksum: Checksum; readonly remote: RemoteConfig | undefined },
  system: SystemTrust = {},
): Promise<readonly GpgSignature[]> {
  const signatures = signaturesIn(loadCommitMeta(repo, commit.checksum), 'gpg');
  if (signatures.length === 0) return [];
  const keyring = remoteKeyring(repo, commit.remote, system);
  return await verifyGpg(loadMetadata(repo, 'commit', commit.checksum), signatures, {
    keyring,
    now: systemClock.now(),
  });
}

/** As {@link judgeCommit}, as the tuples that clients of the bus index by position. */
export async function commitSignatureTuples(
  repo: Repo,
  commit: { readonly checksum: Checksum; readonly remote: RemoteConfig | undefined },
): Promise<readonly Variant[]> {
  return (await judgeCommit(repo, commit)).map(gpgSignatureTuple);
}

/** The refusal of a remote whose summary, or its signature, is not there at all. */
function unsigned(remote: RemoteConfig, kinds: DemandedKinds, missing: string): AtomicError {
  const [what, setting] = kinds.gpg ? ['GPG', summarySettings.gpg] : ['Signature', summarySettings.raw];
  return new AtomicError(
    'SignatureRequired',
    `${what} verification enabled, but no ${missing} found (use ${setting}=false in remote config to disable)`,
    { facts: { remote: remote.name, setting }, hint: 'Ask who runs the remote why its summary is not signed.' },
  );
}

function decodeSignatureFile(remote: RemoteConfig, bytes: Uint8Array): VariantDict {
  try {
    return decodeVariant('a{sv}', bytes) as VariantDict;
  } catch (cause) {
    throw new AtomicError('RemoteInvalid', `summary.sig of remote "${remote.name}" cannot be read`, { cause });
  }
}
