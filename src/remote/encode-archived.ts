import { deflateRawSync } from 'node:zlib';
import { AtomicError, type Checksum } from '../base/index.ts';
import { encodeFilezHeader } from '../format/index.ts';
import { loadFile, type Repo } from '../repo/index.ts';

/** Content and compressed form are in memory together; a larger file goes through the archive repo it came from. */
const maxContentBytes = 1024 ** 3;

/**
 * The file object as an archive repo holds it, whatever the mode of `repo`, compressed at `level` (1 to 9). The whole
 * content is held in memory: `LimitExceeded` above 1 GiB. Does not hash: what stores the bytes does. OSTree repository format: archive file objects.
 */
export function encodeArchived(repo: Repo, checksum: Checksum, level: number): Uint8Array {
  const file = loadFile(repo, checksum);
  const header = encodeFilezHeader(file.header, file.sizeBytes);
  if (file.header.symlinkTarget !== '') return header;
  if (file.sizeBytes > maxContentBytes) {
    throw new AtomicError(
      'LimitExceeded',
      `Cannot turn file object ${checksum} of ${repo.path} into another mode: it has ${file.sizeBytes} bytes`,
      { facts: { checksum, sizeBytes: file.sizeBytes }, hint: 'Pull into a repo of the same mode.' },
    );
  }
  return Buffer.concat([header, deflateRawSync(file.read(), { level })]);
}
