import { isChecksum, type Checksum } from '../base/index.ts';

/** What `ostree=` on the kernel command line says. */
export interface BootLink {
  readonly bootVersion: 0 | 1;
  readonly stateroot: string;
  readonly bootChecksum: Checksum;
  readonly bootSerial: number;
}

const linkPattern = /^\/ostree\/boot\.([01])\/([^/]+)\/([0-9a-f]+)\/(0|[1-9][0-9]{0,8})$/;

/** The parts of `/ostree/boot.N/STATEROOT/BOOTCHECKSUM/SERIAL`; undefined if the text is not one. */
export function parseOstreeKarg(text: string): BootLink | undefined {
  const [, version, stateroot, bootChecksum, serial] = linkPattern.exec(text) ?? [];
  if (version === undefined || stateroot === undefined || bootChecksum === undefined) return undefined;
  if (!isStaterootName(stateroot) || !isChecksum(bootChecksum)) return undefined;
  return { bootVersion: version === '0' ? 0 : 1, stateroot, bootChecksum, bootSerial: Number(serial) };
}

/** The value of `ostree=` that boots this link. */
export function formatOstreeKarg(link: BootLink): string {
  return `/ostree/boot.${link.bootVersion}/${link.stateroot}/${link.bootChecksum}/${link.bootSerial}`;
}

/** True if `text` may name a stateroot: one path component that needs no quoting on a kernel command line. */
export function isStaterootName(text: string): boolean {
  return text.length <= 255 && /^[^\s/"\0]+$/.test(text) && text !== '.' && text !== '..';
}

/** The directory name of a deployment: its commit and how often that commit is deployed. */
export interface DeploymentName {
  readonly checksum: Checksum;
  readonly serial: number;
}

/** The parts of `CHECKSUM.SERIAL`; undefined if the text is not one. */
export function parseDeploymentName(text: string): DeploymentName | undefined {
  const [, checksum, serial] = /^([0-9a-f]{64})\.(0|[1-9][0-9]{0,8})$/.exec(text) ?? [];
  if (checksum === undefined || !isChecksum(checksum)) return undefined;
  return { checksum, serial: Number(serial) };
}

/** `CHECKSUM.SERIAL`. */
export function formatDeploymentName(name: DeploymentName): string {
  return `${name.checksum}.${name.serial}`;
}
