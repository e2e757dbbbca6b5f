import { dictBoolean, dictString, type WireDict, type WireValue } from '../ipc/index.ts';

/** One signature's judgement, from the positional tuple on the wire. */
export interface SignatureView {
  readonly valid: boolean;
  readonly keyMissing: boolean;
  readonly fingerprint: string;
  readonly timestampSeconds: number;
  readonly algorithm: string;
  readonly user: string;
}

/** What a deployment dictionary (or the one of a cached update) says, as far as the program draws it. */
export interface DeploymentView {
  readonly id: string;
  readonly stateroot: string;
  readonly checksum: string;
  readonly baseChecksum: string | undefined;
  readonly booted: boolean;
  readonly staged: boolean;
  readonly pinned: boolean;
  readonly unlocked: string;
  readonly version: string | undefined;
  readonly timestampSeconds: number | undefined;
  readonly origin: string | undefined;
  readonly customOrigin: readonly string[];
  readonly remoteError: string | undefined;
  readonly endOfLife: string | undefined;
  readonly finalizationLocked: boolean;
  /** Undefined where the remote's policy is not known. */
  readonly gpgEnabled: boolean | undefined;
  readonly signatures: readonly SignatureView[];
}

/** Reads a dictionary that another program sent: what is absent or of a wrong type counts as absent. */
export function viewDeployment(dict: WireDict): DeploymentView {
  const base = dictString(dict, 'base-checksum');
  return {
    id: dictString(dict, 'id') ?? '',
    stateroot: dictString(dict, 'osname') ?? '',
    checksum: dictString(dict, 'checksum') ?? '',
    baseChecksum: base,
    booted: dictBoolean(dict, 'booted') ?? false,
    staged: dictBoolean(dict, 'staged') ?? false,
    pinned: dictBoolean(dict, 'pinned') ?? false,
    unlocked: dictString(dict, 'unlocked') ?? 'none',
    version: dictString(dict, base === undefined ? 'version' : 'base-version') ?? dictString(dict, 'version'),
    timestampSeconds: dictNumber(dict, 'base-timestamp') ?? dictNumber(dict, 'timestamp'),
    origin: dictString(dict, 'container-image-reference') ?? dictString(dict, 'origin'),
    customOrigin: strings(dict.get('custom-origin')?.value),
    remoteError: dictString(dict, 'remote-error'),
    endOfLife: dictString(dict, 'endoflife'),
    finalizationLocked: dictBoolean(dict, 'finalization-locked') ?? false,
    gpgEnabled: dictBoolean(dict, 'gpg-enabled'),
    signatures: viewSignatures(dict.get('signatures')?.value),
  };
}

/** A number of any width as a JavaScript number; undefined if absent or of another type. */
function dictNumber(dict: WireDict, key: string): number | undefined {
  const value = dict.get(key)?.value;
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
}

function strings(value: WireValue | undefined): readonly string[] {
  const list: readonly WireValue[] = Array.isArray(value) ? value : [];
  return list.filter((one): one is string => typeof one === 'string');
}

function viewSignatures(value: WireValue | undefined): readonly SignatureView[] {
  const list: readonly WireValue[] = Array.isArray(value) ? value : [];
  return list.flatMap((entry) => {
    const tuple = typeof entry === 'object' && 'value' in entry ? entry.value : entry;
    if (!Array.isArray(tuple)) return [];
    const fields: readonly WireValue[] = tuple;
    const text = (index: number): string => {
      const field = fields[index];
      return typeof field === 'string' ? field : '';
    };
    return [
      {
        valid: fields[0] === true,
        keyMissing: fields[4] === true,
        fingerprint: text(5),
        timestampSeconds: Number(fields[6] ?? 0),
        algorithm: text(8),
        user: text(11) === '' ? text(10) : `${text(10)} <${text(11)}>`,
      },
    ];
  });
}
