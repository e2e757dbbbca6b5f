const two = (value: number): string => String(value).padStart(2, '0');

/** A commit's time as `YYYY-MM-DD HH:MM:SS +0000`, always in UTC, as `ostree log` prints it. */
export function formatCommitDate(timestampSeconds: number): string {
  const date = new Date(timestampSeconds * 1000);
  const day = `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}
