import { AtomicError, messageOf } from '../base/index.ts';
import { isRemoteName, type Keyfile, parseKeyfile } from '../format/index.ts';
import { Dir, isSystemError, unlinkDurably } from '../platform/index.ts';
import { type Repo, updateRepoConfig } from '../repo/index.ts';
import { readHostText } from './host-file.ts';

/** The TLS options of a remote; paths of PEM files. */
export interface RemoteTls {
  /** `tls-permissive`: accept any server certificate. */
  readonly permissive: boolean;
  readonly caPath: string | undefined;
  readonly clientCertPath: string | undefined;
  readonly clientKeyPath: string | undefined;
}

/** Where the keys of a remote's signatures are, besides the ring `NAME.trustedkeys.gpg` of the repo. */
export interface RemoteTrust {
  /** `gpgkeypath`: files or directories. */
  readonly gpgKeyPaths: readonly string[];
  /** `verification-ENGINE-key` and `verification-ENGINE-file`. */
  readonly ed25519: RemoteTrustKeys;
  readonly spki: RemoteTrustKeys;
}

/** Public keys of one engine: one in the settings, a file of several. */
export interface RemoteTrustKeys {
  readonly key: string | undefined;
  readonly file: string | undefined;
}

/** A place commits come from, as the keyfile group `[remote "NAME"]` describes it. */
export interface RemoteConfig {
  readonly name: string;
  /** `http:`, `https:` or `file:`; may carry `user:password@`, which is never shown. */
  readonly url: string;
  /** Where file objects come from when not from `url`. */
  readonly contentUrl: string | undefined;
  /** `branches`: what is pulled when no ref is named. */
  readonly branches: readonly string[];
  readonly gpgVerify: boolean;
  readonly gpgVerifySummary: boolean;
  /** Raw value of `sign-verify`: a boolean or a list of engines. */
  readonly signVerify: string | undefined;
  readonly signVerifySummary: string | undefined;
  readonly trust: RemoteTrust;
  readonly proxy: string | undefined;
  readonly tls: RemoteTls;
  /** `unconfigured-state`: why this remote cannot be used yet, in the vendor's words. */
  readonly unconfiguredState: string | undefined;
  /** Keys that change what a pull means and that we do not honour; a pull refuses them by name. */
  readonly unsupported: readonly string[];
  /** The file that defines it. */
  readonly source: string;
}

/** Where remotes are defined besides the repo's own config. */
export interface RemotePlaces {
  /** Path of a directory of `*.conf` keyfiles, usually `<sysroot>/etc/ostree/remotes.d`; absent is fine. */
  readonly remotesDir?: string;
}

/** What {@link addRemote} writes. */
export interface NewRemote {
  readonly name: string;
  readonly url: string;
  /** Further keys of the group, e.g. `gpg-verify` -> `false`. */
  readonly settings?: ReadonlyMap<string, string>;
}

/** A config names its remotes and little else; a larger one is damaged. */
const maxConfigBytes = 4 * 1024 * 1024;

const groupPattern = /^remote "(.*)"$/s;

/** Keys whose presence asks for something this room cannot do. */
const unsupportedKeys = ['metalink', 'custom-backend', 'collection-id'] as const;

/**
 * All remotes by name: those of the repo's config, then those of `remotesDir` that the config does not define. Reads the
 * files anew on every call. `InvalidFormat` names the file that cannot be read as a keyfile.
 */
export function loadRemotes(repo: Repo, places: RemotePlaces = {}): ReadonlyMap<string, RemoteConfig> {
  const remotes = new Map<string, RemoteConfig>();
  addRemotesOf(readRepoConfig(repo), `${repo.path}/config`, remotes);
  if (places.remotesDir === undefined) return remotes;
  for (const { path, keyfile } of readConfigDirectory(places.remotesDir)) addRemotesOf(keyfile, path, remotes);
  return remotes;
}

/** The remote of that name; `RemoteNotFound` otherwise. */
export function requireRemote(repo: Repo, name: string, places: RemotePlaces = {}): RemoteConfig {
  const remote = loadRemotes(repo, places).get(name);
  if (remote !== undefined) return remote;
  throw new AtomicError('RemoteNotFound', `Remote "${name}" not found`, {
    facts: { remote: name, repo: repo.path },
    hint: 'Add it with `ostree remote add NAME URL`.',
  });
}

/**
 * Defines a remote in the repo's config, durably on return; comments and order of the file stay. `InvalidArgument` for an
 * invalid name or URL, or if a remote of that name exists anywhere.
 */
export function addRemote(repo: Repo, remote: NewRemote, places: RemotePlaces = {}): void {
  if (!isRemoteName(remote.name)) {
    throw new AtomicError('InvalidArgument', `Invalid remote name ${JSON.stringify(remote.name)}`, {
      hint: 'A name begins with a letter, a digit or "_" and goes on with these, ".", "-".',
    });
  }
  if (loadRemotes(repo, places).has(remote.name)) {
    throw new AtomicError('InvalidArgument', `Remote "${remote.name}" already exists`, {
      facts: { remote: remote.name },
      hint: 'Delete it first, or choose another name.',
    });
  }
  const group = `remote "${remote.name}"`;
  updateRepoConfig(repo, (config) => {
    config.set(group, 'url', remote.url);
    for (const [key, value] of remote.settings ?? []) config.set(group, key, value);
  });
}

/** The file of the repo with the keys that may sign for a remote. */
export function keyringName(remote: string): string {
  return `${remote}.trustedkeys.gpg`;
}

/**
 * Removes a remote from the repo's config and its keyring, durably on return; its refs stay. `RemoteNotFound` if there is none,
 * `NotSupported` naming the file if it is defined outside the repo.
 */
export function deleteRemote(repo: Repo, name: string, places: RemotePlaces = {}): void {
  const remote = requireRemote(repo, name, places);
  const group = `remote "${name}"`;
  if (!readRepoConfig(repo).groups().includes(group)) {
    throw new AtomicError('NotSupported', `Remote "${name}" is defined in ${remote.source}, not in the repo`, {
      hint: `Remove ${remote.source}.`,
    });
  }
  updateRepoConfig(repo, (config) => config.removeGroup(group));
  // A remote that is later added under the same name must not inherit whom this one trusted.
  unlinkDurably(repo.dir, keyringName(name));
}

/** The repo's config as it is on disk now: another process may have changed it since the repo was opened. */
function readRepoConfig(repo: Repo): Keyfile {
  return parseKeyfile(repo.dir.readText('config', maxConfigBytes) ?? '', `${repo.path}/config`);
}

/** The keyfiles of a `remotes.d`, in byte order of their names. */
function readConfigDirectory(path: string): { path: string; keyfile: Keyfile }[] {
  return listNames(path)
    .filter((name) => name.endsWith('.conf'))
    .flatMap((name) => {
      const text = readHostText(`${path}/${name}`, maxConfigBytes);
      return text === undefined ? [] : [{ path: `${path}/${name}`, keyfile: parseKeyfile(text, `${path}/${name}`) }];
    });
}

/** The names in a directory; none if it is absent. */
function listNames(path: string): readonly string[] {
  try {
    using dir = Dir.open(path);
    return dir.list().map((entry) => entry.name);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

/** Adds the remotes of one file to those found before it; a name that is taken stays what it is. */
function addRemotesOf(keyfile: Keyfile, source: string, remotes: Map<string, RemoteConfig>): void {
  for (const group of keyfile.groups()) {
    const name = groupPattern.exec(group)?.[1];
    if (name === undefined || remotes.has(name)) continue;
    try {
      remotes.set(name, remoteOfGroup(keyfile, group, { name, source }));
    } catch (error) {
      throw new AtomicError('InvalidFormat', `Cannot read [${group}] of ${source}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}

/** One group as a remote; a value of the wrong kind throws. */
function remoteOfGroup(keyfile: Keyfile, group: string, about: { name: string; source: string }): RemoteConfig {
  const get = (key: string): string | undefined => keyfile.get(group, key);
  return {
    ...about,
    url: get('url') ?? '',
    contentUrl: get('contenturl'),
    branches: keyfile.getList(group, 'branches') ?? [],
    gpgVerify: keyfile.getBoolean(group, 'gpg-verify') ?? true,
    gpgVerifySummary: keyfile.getBoolean(group, 'gpg-verify-summary') ?? false,
    signVerify: get('sign-verify'),
    signVerifySummary: get('sign-verify-summary'),
    trust: {
      gpgKeyPaths: splitPaths(get('gpgkeypath')),
      ed25519: { key: get('verification-ed25519-key'), file: get('verification-ed25519-file') },
      spki: { key: get('verification-spki-key'), file: get('verification-spki-file') },
    },
    proxy: get('proxy'),
    tls: {
      permissive: keyfile.getBoolean(group, 'tls-permissive') ?? false,
      caPath: get('tls-ca-path'),
      clientCertPath: get('tls-client-cert-path'),
      clientKeyPath: get('tls-client-key-path'),
    },
    unconfiguredState: get('unconfigured-state'),
    unsupported: unsupportedOf(get),
  };
}

/**
 * Paths separated by semicolons or, as the original takes them too, commas; one may end the list. A list with both is kept in
 * one piece, and refused when its keys are needed: the other remotes of the file are not to suffer.
 */
function splitPaths(value = ''): readonly string[] {
  if (value === '') return [];
  return value.includes(';') && value.includes(',') ? [value] : value.replace(/[;,]$/, '').split(/[;,]/);
}

/** The keys that a pull will refuse by name. */
function unsupportedOf(get: (key: string) => string | undefined): string[] {
  const unsupported: string[] = unsupportedKeys.filter((key) => get(key) !== undefined);
  if (get('url')?.startsWith('mirrorlist=')) unsupported.push('url=mirrorlist=');
  if (get('contenturl')?.startsWith('mirrorlist=')) unsupported.push('contenturl=mirrorlist=');
  return unsupported;
}
