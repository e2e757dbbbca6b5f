const units = ['kB', 'MB', 'GB', 'TB'] as const;

/** `bytes` as the field prints sizes: powers of ten, one decimal, a no-break space before the unit. */
export function formatSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  let value = bytes;
  let unit = '';
  for (const next of units) {
    if (value < 1000) break;
    value /= 1000;
    unit = next;
  }
  return `${value.toFixed(1)}\u00a0${unit}`;
}
