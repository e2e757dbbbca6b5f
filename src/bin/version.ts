declare const ATOMIC_VERSION: string | undefined;

/** The version of this build; `development` when run from source. */
export const version: string = typeof ATOMIC_VERSION === 'string' ? ATOMIC_VERSION : 'development';
