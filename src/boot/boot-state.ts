import { AtomicError, messageOf, type Checksum } from '../base/index.ts';
import {
  blsField,
  compareVersions,
  ostreeKarg,
  parseBlsEntry,
  parseKargs,
  parseOstreeKarg,
  type BlsEntry,
} from '../format/index.ts';
import type { Dir } from '../platform/index.ts';

/** OSTree keeps two boot configurations, 0 and 1, and switches between them. */
export type BootVersion = 0 | 1;

/** An entry of a loader directory, followed to the deployment it boots. */
export interface BootEntry {
  /** Name of the file in `loader.N/entries`. */
  readonly file: string;
  readonly entry: BlsEntry;
  readonly bootVersion: BootVersion;
  readonly stateroot: string;
  readonly bootChecksum: Checksum;
  readonly bootSerial: number;
  /** `CHECKSUM.SERIAL`. */
  readonly name: string;
}

/** One of the two boot configurations as it is on disk. */
export interface BootSlot {
  readonly bootVersion: BootVersion;
  /** M of `ostree/boot.N -> boot.N.M`; 0 when the link is not there. */
  readonly subBootVersion: 0 | 1;
  /** True if `boot/loader.N` exists. */
  readonly present: boolean;
  /** Highest `version` first: the first one boots by default. */
  readonly entries: readonly BootEntry[];
  /** A sentence for each entry that could not be followed; such an entry never hides the others. */
  readonly broken: readonly string[];
}

/** Both boot configurations; `current` is the one `boot/loader` names. */
export interface BootState {
  readonly current: BootSlot;
  readonly other: BootSlot;
}

/** Boot entries are a few hundred bytes; a limit keeps a damaged /boot from filling memory. */
const maxEntryBytes = 1024 * 1024;

/**
 * Reads both boot configurations of a sysroot. Broken entries are reported in `broken`, never thrown. `InvalidSysroot` if
 * `boot/loader` is a directory: then it belongs to another scheme, and no switch could replace it.
 */
export function readBootState(sysroot: Dir): BootState {
  if (sysroot.stat('boot/loader')?.isDirectory() === true) {
    throw new AtomicError(
      'InvalidSysroot',
      `${sysroot.path}/boot/loader is a directory, not a symbolic link to loader.0 or loader.1`,
      {
        hint: 'Move the entries of the other boot loader away, or keep its loader directory on another file system.',
      },
    );
  }
  const bootVersion: BootVersion = sysroot.readlink('boot/loader')?.replace(/\/$/, '') === 'loader.1' ? 1 : 0;
  return { current: readSlot(sysroot, bootVersion), other: readSlot(sysroot, bootVersion === 0 ? 1 : 0) };
}

function readSlot(sysroot: Dir, bootVersion: BootVersion): BootSlot {
  const directory = `boot/loader.${bootVersion}/entries`;
  const entries: BootEntry[] = [];
  const broken: string[] = [];
  const present = sysroot.stat(`boot/loader.${bootVersion}`) !== undefined;
  for (const file of present ? entryFiles(sysroot, directory) : []) {
    const found = readEntry(sysroot, bootVersion, `${directory}/${file}`);
    if (typeof found === 'string') broken.push(`Boot entry ${file}: ${found}`);
    else entries.push({ ...found, file });
  }
  entries.sort((a, b) => compareVersions(blsField(b.entry, 'version') ?? '', blsField(a.entry, 'version') ?? ''));
  const link = sysroot.readlink(`ostree/boot.${bootVersion}`);
  return { bootVersion, subBootVersion: link?.endsWith('.1') === true ? 1 : 0, present, entries, broken };
}

function entryFiles(sysroot: Dir, directory: string): readonly string[] {
  if (sysroot.stat(directory) === undefined) return [];
  return sysroot
    .list(directory)
    .filter(({ name, type }) => type === 'file' && /^ostree-.*\.conf$/.test(name))
    .map(({ name }) => name);
}

function readEntry(sysroot: Dir, bootVersion: BootVersion, path: string): Omit<BootEntry, 'file'> | string {
  try {
    const text = sysroot.readText(path, maxEntryBytes);
    if (text === undefined) return 'vanished while it was read';
    const entry = parseBlsEntry(text);
    const karg = ostreeKarg(parseKargs(blsField(entry, 'options') ?? ''));
    const link = karg === undefined ? undefined : parseOstreeKarg(karg);
    if (link === undefined) return 'has no ostree= argument that names a deployment';
    if (link.bootVersion !== bootVersion) return `its ostree= argument belongs to boot version ${link.bootVersion}`;
    const { stateroot, bootChecksum, bootSerial } = link;
    const target = sysroot.readlink(`ostree/boot.${bootVersion}/${stateroot}/${bootChecksum}/${bootSerial}`);
    if (target === undefined)
      return `the link ostree/boot.${bootVersion}/${stateroot}/${bootChecksum}/${bootSerial} is missing`;
    return { entry, bootVersion, stateroot, bootChecksum, bootSerial, name: target.slice(target.lastIndexOf('/') + 1) };
  } catch (error) {
    return messageOf(error);
  }
}
