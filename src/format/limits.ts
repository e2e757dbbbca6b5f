/**
 * Largest metadata object (commit, dirtree, dirmeta, summary) that is read. OSTree refuses larger ones too, so nothing
 * that a real repository holds is lost; a hostile server cannot fill the memory.
 */
export const maxMetadataObjectBytes = 128 * 1024 * 1024;

/**
 * Largest serialised GVariant. Above the metadata limit because a static delta may carry its parts inline; below
 * 4 GiB so that framing offsets never need eight bytes.
 */
export const maxVariantBytes = 512 * 1024 * 1024;

/**
 * Largest part of a static delta once it is decompressed, which happens in memory. Parts are made of 32 MiB each unless one
 * file is larger; what does not fit here is fetched as objects.
 */
export const maxDeltaPayloadBytes = 1024 * 1024 * 1024;

/** Deepest nesting of one GVariant value. OSTree's own formats need six; GLib itself stops at 128. */
export const maxVariantDepth = 64;

/**
 * Most values (leaves and containers) in one GVariant: a directory of one million files has three million. Without it,
 * four bytes of input could cost a hundred bytes of memory, over and over.
 */
export const maxVariantValues = 4 * 1024 * 1024;

/** Longest GVariant type string. D-Bus allows 255 bytes; the longest one OSTree uses has 24. */
export const maxVariantTypeLength = 1024;

/**
 * Largest header of a file object. The kernel caps one extended attribute at 64 KiB and a symlink target at 4 KiB, so
 * this is room for more than two hundred attributes of full size.
 */
export const maxFileHeaderBytes = 16 * 1024 * 1024;

/** Largest regular file in a tree: 16 TiB, the largest file ext4 can hold. */
export const maxFileBytes = 16 * 1024 ** 4;

/** Longest symlink target in bytes: PATH_MAX without its terminator. */
export const maxSymlinkTargetBytes = 4095;

/** Longest file name in a dirtree, in bytes: NAME_MAX of every Linux file system. */
export const maxNameBytes = 255;

/** Deepest directory nesting of a tree: PATH_MAX leaves room for 2048 one-letter directories. */
export const maxTreeDepth = 2048;

/** Longest ref name. It becomes a path below `refs/remotes/`, and must leave room under PATH_MAX. */
export const maxRefNameLength = 1024;

/** Longest keyfile (origin, repo config, remotes, settings), in UTF-16 units. Real ones stay under a few KiB. */
export const maxKeyfileLength = 1024 * 1024;

/** Longest boot entry file, in UTF-16 units. The kernel command line alone is capped at a few KiB. */
export const maxBlsEntryLength = 64 * 1024;

/** Longest kernel command line accepted. Above COMMAND_LINE_SIZE of every architecture (at most 4 KiB on most, 64 KiB nowhere). */
export const maxKernelCommandLineLength = 64 * 1024;

/** Largest staged record. It holds two names and a kernel command line. */
export const maxStagedRecordBytes = 1024 * 1024;

/** Longest os-release file, in UTF-16 units. */
export const maxOsReleaseLength = 256 * 1024;
