import { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import {
  decodeDeltaPayload,
  deltaName,
  deltaOperations,
  deltaPath,
  deltaRecordBytes,
  maxDeltaPayloadBytes,
  parseDeltaName,
} from '../../format/index.ts';
import { decodeXz, readAll, sys } from '../../platform/index.ts';
import { applyOfflineDelta, listDeltas, openDeltaFile, type DeltaFile, type Repo } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { formatSize } from '../format-size.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';

/** Subcommands of the original that are not built yet. */
const notBuilt = ['delete', 'generate', 'indexes', 'reindex', 'verify'];

function listCommand(context: OstreeContext): Command {
  const command = repoCommand('list', 'List static delta files');
  return command.action(() => {
    using repo = openCommandRepo(context, command);
    const names = listDeltas(repo).map(deltaName);
    context.write(names.length === 0 ? '(No static deltas)\n' : `${names.join('\n')}\n`);
  });
}

function applyCommand(context: OstreeContext): Command {
  const command = repoCommand('apply-offline', 'Apply static delta file')
    .argument('<path>')
    .argument('[key-id...]')
    .option('--sign-type <name>', 'signature type to use')
    .option('--keys-file <name>', 'file with public keys')
    .option('--keys-dir <name>', 'directory with keys');
  return command.action(async (path: string, keys: readonly string[], options: Readonly<Record<string, unknown>>) => {
    using repo = openCommandRepo(context, command);
    refuseSignatures(repo, keys, options);
    using delta = openDeltaFile(path);
    await applyOfflineDelta(repo, delta, context.job);
  });
}

/** Whoever asks for a signature to be checked must not get a commit without one. */
function refuseSignatures(repo: Repo, keys: readonly string[], options: Readonly<Record<string, unknown>>): void {
  const demanded = repo.config.getBoolean('core', 'sign-verify-deltas') === true;
  const asked = ['signType', 'keysFile', 'keysDir'].some((key) => options[key] !== undefined);
  if (!demanded && !asked && keys.length === 0) return;
  throw new AtomicError('SignatureRequired', 'Checking the signature of a static delta is not built yet', {
    hint: 'Use the original ostree for it: both work on the same repository.',
  });
}

function showCommand(context: OstreeContext): Command {
  const command = repoCommand('show', 'Dump information on a delta').argument('<delta>');
  return command.action(async (name: string) => {
    using repo = openCommandRepo(context, command);
    using delta = openNamedDelta(repo, name);
    context.write(await describeDelta(delta));
  });
}

/** A delta of the repo by its name, else the file of that path. */
function openNamedDelta(repo: Repo, name: string): DeltaFile {
  const ends = parseDeltaName(name);
  return openDeltaFile(ends === undefined ? name : `${repo.path}/${deltaPath(ends)}`);
}

const total = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

async function describeDelta(delta: DeltaFile): Promise<string> {
  const { superblock } = delta;
  const { parts, fallbacks } = superblock;
  const size = (title: string, bytes: number): string => `${title}: ${bytes} (${formatSize(bytes)})`;
  const partBytes = total(parts.map((part) => part.sizeBytes));
  const contentBytes = total(parts.map((part) => part.contentBytes));
  const fallbackBytes = total(fallbacks.map((one) => one.sizeBytes));
  const fallbackContentBytes = total(fallbacks.map((one) => one.contentBytes));
  const described: string[] = [];
  for (const index of parts.keys()) described.push(...(await describePart(delta, index)));
  return [
    `Delta: ${deltaName(superblock)}`,
    `Signed: ${superblock.signatures === undefined ? 'no' : 'yes'}`,
    superblock.from === undefined ? 'From <scratch>' : `From: ${superblock.from}`,
    `To: ${superblock.to}`,
    `Endianness: ${superblock.byteOrder}`,
    `Timestamp: ${superblock.timestampSeconds}`,
    'Number of parents: 0',
    `Number of fallback entries: ${fallbacks.length}`,
    size('Total Fallback Size', fallbackBytes),
    size('Total Fallback Uncompressed Size', fallbackContentBytes),
    `Number of parts: ${parts.length}`,
    ...described,
    size('Total Part Size', partBytes),
    size('Total Part Uncompressed Size', contentBytes),
    size('Total Size', partBytes + fallbackBytes),
    size('Total Uncompressed Size', contentBytes + fallbackContentBytes),
    '',
  ].join('\n');
}

/** How the counts of operations are called, in the original's order. */
const countedOperations = [
  ['S', 'openspliceclose'],
  ['o', 'open'],
  ['w', 'write'],
  ['r', 'setread'],
  ['R', 'unsetread'],
  ['c', 'close'],
  ['B', 'bspatch'],
] as const;

async function describePart(delta: DeltaFile, index: number): Promise<readonly string[]> {
  const entry = delta.superblock.parts[index];
  if (entry === undefined) return [];
  const source = await delta.readPart(index);
  const bytes = 'data' in source ? source.data : readAndClose(source.fd, entry.sizeBytes);
  const content = bytes.subarray(1);
  const plain = bytes[0] === 0 ? content : await decodeXz(content, { maxBytes: maxDeltaPayloadBytes });
  const payload = decodeDeltaPayload(plain);
  const counts = new Map<string, number>();
  for (const { letter } of deltaOperations(payload.operations, entry.records)) {
    counts.set(letter, (counts.get(letter) ?? 0) + 1);
  }
  const objects = entry.records.length / deltaRecordBytes;
  return [
    `PartMeta${index}: nobjects=${objects} size=${entry.sizeBytes} usize=${entry.contentBytes}`,
    `PartPayload${index}: nmodes=${payload.modes.length} nxattrs=${payload.xattrs.length} blobsize=${payload.data.length} opsize=${payload.operations.length}`,
    `PartPayloadOps${index}: ${countedOperations.map(([letter, name]) => `${name}=${counts.get(letter) ?? 0}`).join(' ')}`,
  ];
}

function readAndClose(fd: number, maxBytes: number): Uint8Array {
  try {
    return readAll(fd, maxBytes, 'part of a static delta');
  } finally {
    sys.close(fd);
  }
}

function refusedCommand(name: string): Command {
  return new Command(name)
    .description('(not built yet)')
    .allowUnknownOption()
    .allowExcessArguments()
    .helpOption(false)
    .action(() => {
      throw new AtomicError('NotSupported', `"ostree static-delta ${name}" is not built yet`, {
        hint: 'Use the original ostree for it: both work on the same repository.',
      });
    });
}

/** `ostree static-delta`: lists, shows and applies the static deltas of a repository. */
export function staticDeltaCommand(context: OstreeContext): Command {
  const command = new Command('static-delta')
    .description('Static delta related commands')
    .option('--repo <path>', 'path to the repository (defaults to the current directory or /sysroot/ostree/repo)');
  for (const create of [listCommand, showCommand, applyCommand]) command.addCommand(create(context));
  for (const name of notBuilt) command.addCommand(refusedCommand(name), { hidden: true });
  return command;
}
