import type { EntryFile } from './render-entry.ts';
import { parseKargs } from '../format/index.ts';

const header = `# Written with every deployment; changes are lost. A static grub.cfg outside loader/ sources this file.
# Paths begin with /boot, which works whether or not boot/ is its own file system (boot/boot is a link to itself).
`;

/**
 * The GRUB script that lists the given entries in order, default first; pure. It sets no variable: timeout, terminal and
 * boot counting belong to the static configuration that sources it, where entry 0 is the default deployment.
 */
export function renderGrubConfig(entries: readonly EntryFile[]): string {
  return header + entries.map(renderMenuEntry).join('');
}

function renderMenuEntry(entry: EntryFile): string {
  const { linux, initrds, devicetree } = entry.target.kernel;
  const kargs = parseKargs(entry.options).map(quoteKarg);
  const lines = [
    `menuentry ${quote(entry.title)} --class gnu-linux --unrestricted --id ${quote(entry.file.replace(/\.conf$/, ''))} {`,
    `  linux ${[bootPath(linux), ...kargs].join(' ')}`,
    ...(initrds.length === 0 ? [] : [`  initrd ${initrds.map(bootPath).join(' ')}`]),
    ...(devicetree === undefined ? [] : [`  devicetree ${bootPath(devicetree)}`]),
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

/** GRUB's root is the file system of boot/, or the root file system: `/boot/…` names the file on either. */
function bootPath(path: string): string {
  return quote(path.startsWith('/boot/') ? path : `/boot${path}`);
}

/**
 * The kernel reads double quotes around a value with spaces, and GRUB puts such quotes around any word with spaces when it
 * joins its command line: so the argument is handed over without its own.
 */
function quoteKarg(karg: string): string {
  return quote(karg.replaceAll('"', ''));
}

function quote(word: string): string {
  if (/^[A-Za-z0-9_.,:/@%+=-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
