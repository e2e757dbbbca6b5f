/**
 * format: bytes and text to values and back, pure, without a file or a clock. The GVariant codec; OSTree's objects
 * (file headers, dirtrees, dirmetas, commits), names, summaries and staged records; keyfiles and origins; refspecs;
 * kernel arguments; boot entries; os-release.
 *
 * Decoders take what came from outside: they accept only what their encoder could have written (for GVariants: normal
 * form), are bounded by the constants in `limits.ts`, and fail with nothing but `InvalidFormat`, `LimitExceeded` or
 * `InvalidRefspec`. Encoders are exact: the same value gives the same bytes, and so the same checksum, for ever.
 * Numbers inside OSTree objects are big-endian; the object codecs swap them, so callers see plain numbers.
 */
export * from './bls.ts';
export * from './boot-link.ts';
export * from './commit.ts';
export * from './delta-name.ts';
export * from './delta-payload.ts';
export * from './dirmeta.ts';
export * from './dirtree.ts';
export * from './file-header.ts';
export * from './file-meta.ts';
export * from './file-mode.ts';
export * from './filez.ts';
export * from './gvariant.ts';
export * from './kargs.ts';
export { createKeyfile, Keyfile, parseKeyfile } from './keyfile.ts';
export * from './limits.ts';
export * from './object-name.ts';
export * from './object-sizes.ts';
export * from './origin.ts';
export * from './os-release.ts';
export * from './refspec.ts';
export * from './sha256.ts';
export * from './staged-record.ts';
export * from './static-delta.ts';
export * from './summary.ts';
export { compareBytes } from './text.ts';
export { parseVariantText } from './parse-variant-text.ts';
export { formatVariantText, type VariantTextOptions } from './variant-text.ts';
export { type Xattr } from './xattr.ts';
