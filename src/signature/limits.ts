/** A vendor's ring holds a handful of keys of a few kilobytes; the largest distributions' have some hundred. */
export const maxKeyringBytes = 16 * 1024 * 1024;

/** Keys of all rings of one remote together. */
export const maxKeys = 4096;

/** Key files in one directory. */
export const maxKeyFiles = 1024;

/** Signatures of one commit or summary that are looked at; each costs public key arithmetic. */
export const maxSignatures = 64;

/** A signature is a few hundred bytes; the longest algorithms stay below ten thousand. */
export const maxSignatureBytes = 64 * 1024;
