import { Command } from 'commander';
import type { OstreeContext } from '../context.ts';
/** `ostree admin`. */
export function adminCommand(_context: OstreeContext): Command {
  return new Command('admin');
}
