const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** A size for a person, in decimal units with one digit: `512 bytes`, `1.2 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ''}`;
}
