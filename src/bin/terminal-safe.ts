import { cleanText } from '../base/index.ts';

/**
 * What may be written to that stream. On a terminal a text loses the characters that could move the cursor or colour and
 * reorder what stands around them: subjects, names and addresses come from other machines. A pipe or a file gets every
 * byte, as the scripts behind it expect; so does everybody who asked for bytes.
 */
export function terminalSafe(stream: {
  readonly isTTY?: boolean;
}): <T extends string | Uint8Array>(output: T) => T | string {
  // A tab only moves on; cleaning would take it out of bodies and tables.
  return (output) =>
    typeof output === 'string' && stream.isTTY === true ? output.split('\t').map(cleanText).join('\t') : output;
}
