import {
  createDeploymentEntry,
  formatBlsEntry,
  formatOstreeKarg,
  withOstreeKarg,
  formatKargs,
} from '../format/index.ts';
import type { BootLink, BootTarget } from './boot-target.ts';

/** What an entry needs to know besides its target. */
export interface EntryPlace {
  readonly index: number;
  /** How many entries there are; the default one gets the highest `version`. */
  readonly total: number;
  readonly bootVersion: 0 | 1;
  readonly link: BootLink;
  /** True when the list holds deployments of more than one stateroot: the title then names it. */
  readonly severalStateroots: boolean;
}

/** A file of `boot/loader.N/entries`. */
export interface EntryFile {
  readonly file: string;
  readonly text: string;
  readonly title: string;
  readonly options: string;
  readonly target: BootTarget;
}

/** Renders the boot entry of one target; pure. Boot Loader Specification, type 1, with OSTree's names and order. */
export function renderEntry(target: BootTarget, place: EntryPlace): EntryFile {
  const rank = place.total - place.index;
  const title = entryTitle(target, place);
  const options = formatKargs(entryKargs(target, place));
  const { linux, initrds, devicetree, devicetreeDirectory } = target.kernel;
  const directory: (readonly [string, string])[] =
    devicetreeDirectory === undefined ? [] : [['fdtdir', devicetreeDirectory]];
  const entry = createDeploymentEntry({
    title,
    version: String(rank),
    options,
    ...(devicetree === undefined ? {} : { devicetree }),
    linux,
    initrds,
    extra: [...directory, ...target.extra],
  });
  return { file: `ostree-${rank}-${target.stateroot}.conf`, text: formatBlsEntry(entry), title, options, target };
}

function entryTitle(target: BootTarget, place: EntryPlace): string {
  const { osName, version, stateroot } = target;
  const name = version === undefined || version === '' || osName.includes(version) ? osName : `${osName} ${version}`;
  return `${name} (ostree:${place.severalStateroots ? `${stateroot}:` : ''}${place.index})`;
}

function entryKargs(target: BootTarget, place: EntryPlace): readonly string[] {
  const { stateroot, bootChecksum, bootSerial } = place.link;
  const root = formatOstreeKarg({ bootVersion: place.bootVersion, stateroot, bootChecksum, bootSerial });
  const kargs = withOstreeKarg(target.kargs, root);
  // Without an initramfs the kernel itself must start the program that finds the deployment.
  const direct = target.kernel.initrds.length === 0 && !target.kargs.some((karg) => karg.startsWith('init='));
  return direct ? [...kargs, `init=${root}/usr/lib/ostree/ostree-prepare-root`] : kargs;
}
