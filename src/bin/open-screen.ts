import process from 'node:process';
import type { Screen } from '../cli/index.ts';

const defaultColumns = 80;
// A terminal that claims more is lying, and padding to its width would cost memory.
const maxColumns = 1000;

/** One of our two output streams as a screen. A reader that went away is no reason to stop what we are doing. */
export function openScreen(name: 'stdout' | 'stderr'): Screen {
  const stream = process[name];
  stream.on('error', () => undefined);
  const isTerminal = stream.isTTY && process.env['TERM'] !== 'dumb';
  return {
    isTerminal,
    get columns() {
      return isTerminal ? Math.min(maxColumns, stream.columns || defaultColumns) : defaultColumns;
    },
    color: isTerminal && (process.env['NO_COLOR'] ?? '') === '',
    write: (text) => {
      stream.write(text);
    },
  };
}
