import type { DeploymentView, SignatureView } from './deployment-view.ts';
import { cleanLine, formatTimestamp, type Style } from './terminal-text.ts';

/** A key and what stands beside it; more than one line continues below the first. */
type Field = readonly [key: string, lines: readonly string[]];

/** The widest key any deployment can have, `InactiveRemoteOverrides`. */
const deploymentKeyWidth = 23;
/** The widest key of an update, `SecAdvisories`. */
const updateKeyWidth = 13;

/** How much to draw. */
export interface DeploymentDetail {
  readonly verbose: boolean;
  /** True if the list has deployments of more than one stateroot. */
  readonly severalStateroots: boolean;
  readonly index: number;
  readonly style: Style;
}

/** One deployment as `status` shows it: the line with the origin, then one line per key. Ends with a line end. */
export function renderDeployment(deployment: DeploymentView, detail: DeploymentDetail): string {
  const { style } = detail;
  const mark = deployment.booted ? '●' : ' ';
  const origin = cleanLine(deployment.origin ?? deployment.checksum);
  const name = deployment.booted ? style.bold(origin) : origin;
  const index = detail.verbose ? ` (index: ${detail.index})` : '';
  return `${mark} ${name}${index}\n${renderFields(deploymentFields(deployment, detail), deploymentKeyWidth)}`;
}

/** The block of an update that could be taken. Ends with a line end. */
export function renderUpdate(update: DeploymentView, options: { verbose: boolean }): string {
  const fields: Field[] = [
    versionField(update),
    ['Commit', [cleanLine(update.checksum)]],
    ...signatureFields(update, options.verbose),
  ];
  return `AvailableUpdate:\n${renderFields(fields, updateKeyWidth)}`;
}

function renderFields(fields: readonly Field[], width: number): string {
  const indent = ' '.repeat(width + 4);
  return fields
    .map(([key, lines]) => `  ${key.padStart(width)}: ${lines.map((line) => `${line}\n`).join(indent)}`)
    .join('');
}

function deploymentFields(one: DeploymentView, { verbose, severalStateroots, style }: DeploymentDetail): Field[] {
  const fields: Field[] = [];
  const add = (key: string, ...lines: string[]): unknown => fields.push([key, lines]);
  if (one.customOrigin.length > 0) add('CustomOrigin', ...one.customOrigin.map(cleanLine));
  if (one.remoteError !== undefined) add('OstreeRemoteStatus', style.red(cleanLine(one.remoteError)));
  fields.push(versionField(one));
  if (one.baseChecksum !== undefined) add('BaseCommit', cleanLine(one.baseChecksum));
  if (one.baseChecksum === undefined || verbose) add('Commit', cleanLine(one.checksum));
  if (verbose || one.finalizationLocked) {
    add('Staged', `${one.staged ? 'yes' : 'no'}${one.finalizationLocked ? ' (finalization locked)' : ''}`);
  }
  if (verbose || severalStateroots) add('StateRoot', cleanLine(one.stateroot));
  fields.push(...signatureFields(one, verbose));
  if (one.pinned) add('Pinned', 'yes');
  if (one.unlocked !== 'none') add('Unlocked', style.red(cleanLine(one.unlocked)));
  if (one.endOfLife !== undefined) add('EndOfLife', style.red(cleanLine(one.endOfLife)));
  return fields;
}

function versionField(one: DeploymentView): Field {
  const time = one.timestampSeconds === undefined ? undefined : formatTimestamp(one.timestampSeconds);
  if (one.version === undefined) return ['Timestamp', [time ?? '(unknown)']];
  return ['Version', [`${cleanLine(one.version)}${time === undefined ? '' : ` (${time})`}`]];
}

function signatureFields(one: DeploymentView, verbose: boolean): Field[] {
  if (one.gpgEnabled !== true) return [];
  if (one.signatures.length === 0) return [['GPGSignature', ['(unsigned)']]];
  if (!verbose) return [['GPGSignature', one.signatures.map(summarizeSignature)]];
  const count = `${one.signatures.length} signature${one.signatures.length === 1 ? '' : 's'}`;
  return [['GPGSignature', [count, ...one.signatures.flatMap(describeSignature)]]];
}

function summarizeSignature(signature: SignatureView): string {
  const fingerprint = cleanLine(signature.fingerprint);
  if (signature.valid) return `Valid signature by ${fingerprint}`;
  return signature.keyMissing
    ? `Can't check signature: public key ${fingerprint} not found`
    : `Invalid signature by ${fingerprint}`;
}

function describeSignature(signature: SignatureView): string[] {
  const made = formatTimestamp(signature.timestampSeconds);
  const first = `Signature made ${made} using ${cleanLine(signature.algorithm)} key ID ${cleanLine(signature.fingerprint)}`;
  if (signature.keyMissing) return [first, "Can't check signature: public key not found"];
  return [first, `${signature.valid ? 'Good' : 'BAD'} signature from "${cleanLine(signature.user)}"`];
}
