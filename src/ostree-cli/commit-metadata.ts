import { AtomicError } from '../base/index.ts';
import { parseVariantText, variant, type Variant } from '../format/index.ts';
import { loadCommit, resolveRev, type Repo } from '../repo/index.ts';

/** The options of `ostree commit` that make metadata. */
export interface CommitMetadataOptions {
  readonly branch?: string;
  readonly parent?: string;
  readonly addMetadataString?: readonly string[];
  readonly addMetadata?: readonly string[];
  readonly addDetachedMetadataString?: readonly string[];
  readonly keepMetadata?: readonly string[];
}

/** Key and value of `KEY=VALUE`. */
export function splitKeyValue(text: string): readonly [key: string, value: string] {
  const at = text.indexOf('=');
  if (at <= 0) throw new AtomicError('InvalidArgument', `Missing '=' in KEY=VALUE metadata '${text}'`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function requireOnce(keys: readonly string[]): void {
  const twice = keys.find((key, index) => keys.indexOf(key) !== index);
  if (twice !== undefined) throw new AtomicError('InvalidArgument', `Metadata key '${twice}' is given twice`);
}

/** `KEY=VALUE` options as metadata, the values as they stand. */
export function stringMetadata(pairs: readonly string[]): ReadonlyMap<string, Variant> {
  const split = pairs.map(splitKeyValue);
  requireOnce(split.map(([key]) => key));
  return new Map(split.map(([key, value]) => [key, variant('s', value)]));
}

/** `KEY=VALUE` options as metadata, the values in the text form of GVariant. */
export function typedMetadata(pairs: readonly string[]): ReadonlyMap<string, Variant> {
  const split = pairs.map(splitKeyValue);
  requireOnce(split.map(([key]) => key));
  return new Map(split.map(([key, value]) => [key, parseVariantText(value)]));
}

/** The metadata asked for, then what is kept of the parent or the branch's commit. */
export function commitMetadata(repo: Repo, options: CommitMetadataOptions): ReadonlyMap<string, Variant> {
  const { addMetadataString = [], addMetadata = [], keepMetadata } = options;
  const [texts, typed] = [stringMetadata(addMetadataString), typedMetadata(addMetadata)];
  requireOnce([...texts.keys(), ...typed.keys()]);
  const metadata = new Map([...texts, ...typed]);
  if (keepMetadata === undefined) return metadata;
  const from = options.parent === 'none' ? undefined : (options.parent ?? options.branch);
  const parent = from === undefined ? undefined : resolveRev(repo, from);
  if (parent === undefined) {
    throw new AtomicError(
      'InvalidArgument',
      'Either --branch or --parent must be specified when using --keep-metadata',
      { hint: 'The branch must have a commit already.' },
    );
  }
  const { metadata: before } = loadCommit(repo, parent);
  for (const key of keepMetadata) {
    const value = before.get(key);
    if (value === undefined) {
      throw new AtomicError('NotFound', `Missing metadata key '${key}' from commit '${parent}'`);
    }
    metadata.set(key, value);
  }
  return metadata;
}
