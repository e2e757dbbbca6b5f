import { expect, it } from 'vitest';

import { formatBytes } from '../../../src/transactions/format-bytes.ts';

it.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1.0 kB'],
  [1_234_567, '1.2 MB'],
  [999_960, '1.0 MB'],
  [5e18, '5000.0 PB'],
])('writes %d as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
