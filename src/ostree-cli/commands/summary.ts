import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import {
  decodeVariant,
  encodeSummary,
  formatVariantText,
  swap64,
  type Variant,
  maxMetadataObjectBytes,
} from '../../format/index.ts';
import { writeFileDurably } from '../../platform/index.ts';
import { readSummary, type Repo, writeSummary } from '../../repo/index.ts';
import { encodeDetached } from '../../signature/index.ts';
import { typedMetadata } from '../commit-metadata.ts';
import type { OstreeContext } from '../context.ts';
import { collect, openCommandRepo, repoCommand } from '../repo-command.ts';
import { addSignatures, type SigningOptions, withSigningOptions, wantsSignatures } from '../signing.ts';

interface SummaryOptions extends SigningOptions {
  readonly update?: boolean;
  readonly view?: boolean;
  readonly raw?: boolean;
  readonly addMetadata?: readonly string[];
}

const summaryType = '(a(s(taya{sv}))a{sv})';

/** What known keys are called for people. */
const titles: ReadonlyMap<string, string> = new Map([
  ['ostree.commit.version', 'Version'],
  ['ostree.commit.timestamp', 'Timestamp'],
  ['ostree.summary.mode', 'Repository Mode'],
  ['ostree.summary.last-modified', 'Last-Modified'],
  ['ostree.summary.expires', 'Expires'],
  ['ostree.summary.tombstone-commits', 'Has Tombstone Commits'],
  ['ostree.summary.collection-id', 'Collection ID'],
  ['ostree.static-deltas', 'Static Deltas'],
]);

const timeKeys = new Set(['ostree.commit.timestamp', 'ostree.summary.last-modified', 'ostree.summary.expires']);

function formatValue(key: string, { type, value }: Variant): string {
  if (timeKeys.has(key) && typeof value === 'bigint') {
    const text = new Date(Number(swap64(value)) * 1000).toISOString();
    return text.replace(/\.\d+Z$/, '+00');
  }
  if (typeof value === 'string' && titles.has(key)) return value;
  if (typeof value === 'boolean' && titles.has(key)) return value ? 'Yes' : 'No';
  return formatVariantText(type, value, { swapNumbers: true, untyped: true });
}

function formatLine(key: string, value: Variant): string {
  const title = titles.get(key);
  return `${title === undefined ? key : `${title} (${key})`}: ${formatValue(key, value)}\n`;
}

type Summary = NonNullable<ReturnType<typeof readSummary>>;

/** The summary for people: each ref with its facts, then what is said of the whole repository. */
function formatSummary(summary: Summary): string {
  const refs = [...summary.refs].map(([ref, { checksum, commitSizeBytes, metadata }]) => {
    const facts = [...metadata].map(([key, value]) => `    ${formatLine(key, value)}`);
    return `* ${ref}\n    Latest Commit (${commitSizeBytes} bytes):\n      ${checksum}\n${facts.join('')}\n`;
  });
  return [...refs, ...[...summary.metadata].map(([key, value]) => formatLine(key, value))].join('');
}

/** Signs the summary that was just written; durable on return. */
async function signSummary(repo: Repo, options: SigningOptions): Promise<void> {
  const bytes = repo.dir.readFile('summary', maxMetadataObjectBytes);
  if (bytes === undefined) throw new AtomicError('NotFound', 'The repository has no summary');
  const detached = await addSignatures(bytes, undefined, options);
  writeFileDurably(repo.dir, 'summary.sig', encodeDetached(detached), 0o644);
}

/** `ostree summary`: writes the summary that remotes read first, or shows it. */
export function summaryCommand(context: OstreeContext): Command {
  const command = withSigningOptions(repoCommand('summary', 'Manage summary metadata'))
    .option('-u, --update', 'update the summary')
    .option('-v, --view', 'view the local summary file')
    .option('--raw', 'view the summary file as GVariant text')
    .option('-m, --add-metadata <key=value>', 'additional metadata field to add to the summary', collect);
  return command.action(async (options: SummaryOptions) => {
    using repo = openCommandRepo(context, command);
    if (options.update === true) {
      await writeSummary(repo, context.job, typedMetadata(options.addMetadata ?? []));
      if (wantsSignatures(options)) await signSummary(repo, options);
      return;
    }
    if (options.view !== true && options.raw !== true) {
      throw new AtomicError('InvalidArgument', 'No option specified; use -u to update summary');
    }
    const summary = readSummary(repo);
    if (summary === undefined)
      throw new AtomicError('NotFound', 'The repository has no summary', { hint: 'Write one with -u.' });
    if (options.raw !== true) {
      context.write(formatSummary(summary));
      return;
    }
    const value = decodeVariant(summaryType, encodeSummary(summary));
    context.write(`${formatVariantText(summaryType, value, { swapNumbers: true })}\n`);
  });
}
