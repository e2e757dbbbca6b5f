/** How long another program (an `ostree admin` command, a finalizer) may hold the sysroot before we give up. */
export const sysrootLockTimeoutMs = 10_000;
