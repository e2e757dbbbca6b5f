import type { Command } from 'commander';
import { AtomicError, type Checksum } from '../../base/index.ts';
import { parseRefspec } from '../../format/index.ts';
import { listRefs, writeRef, writeRefAlias, type Repo } from '../../repo/index.ts';
import type { OstreeContext } from '../context.ts';
import { openCommandRepo, repoCommand } from '../repo-command.ts';
import { requireCommit } from '../require-commit.ts';
import { updateSummaryIfAsked } from '../update-summary.ts';

interface RefsOptions {
  readonly delete?: boolean;
  readonly list?: boolean;
  readonly alias?: boolean;
  readonly create?: string;
  readonly force?: boolean;
}

/** The refs a prefix means: all, one and those below it, or (`remote:`) those of a remote. */
function matchingRefs(repo: Repo, prefix: string | undefined): ReadonlyMap<string, Checksum> {
  if (prefix === undefined) return listRefs(repo);
  const remote = /^[^:]+:(?=\.?$)/.exec(prefix)?.[0];
  if (remote !== undefined) return new Map([...listRefs(repo)].filter(([refspec]) => refspec.startsWith(remote)));
  parseRefspec(prefix);
  return listRefs(repo, prefix);
}

/** A listed name with the prefix cut off, the remote's name left on it: `remote:a/b` below `remote:a` is `remote:b`. */
function cutPrefix(refspec: string, prefix: string | undefined): string {
  if (prefix === undefined || /:\.?$/.test(prefix) || refspec === prefix) return refspec;
  const { remote } = parseRefspec(prefix);
  const rest = refspec.slice(prefix.length + 1);
  return remote === undefined ? rest : `${remote}:${rest}`;
}

/** What each alias leads to; the links are relative, as `ostree refs --alias --create` writes them. */
function listAliases(repo: Repo, prefix: string | undefined): ReadonlyMap<string, string> {
  const aliases = new Map<string, string>();
  for (const alias of matchingRefs(repo, prefix).keys()) {
    const link = alias.includes(':') ? undefined : repo.dir.readlink(`refs/heads/${alias}`);
    if (link === undefined) continue;
    const parts = alias.split('/').slice(0, -1);
    for (const part of link.split('/')) {
      if (part === '..') parts.pop();
      else parts.push(part);
    }
    aliases.set(alias, parts.join('/'));
  }
  return aliases;
}

function createRef(repo: Repo, names: readonly string[], { create: to = '', force, alias }: RefsOptions): void {
  const [from, second] = names;
  if (from === undefined) {
    throw new AtomicError('InvalidArgument', 'You must specify a revision when creating a new ref');
  }
  if (second !== undefined) {
    throw new AtomicError('InvalidArgument', 'You must specify only 1 existing ref when creating a new ref');
  }
  if (alias === true && to.includes(':')) {
    throw new AtomicError('InvalidArgument', `Cannot create alias to remote ref: ${to.slice(0, to.indexOf(':'))}`);
  }
  const checksum = alias === true ? undefined : requireCommit(repo, from);
  // An alias may be turned to another ref without more ado, as in the original.
  const mayReplace = force === true || (alias === true && listAliases(repo, undefined).has(to));
  if (!mayReplace && listRefs(repo, to).has(to)) {
    throw new AtomicError('InvalidArgument', `--create specified but ref ${to} already exists`, {
      hint: 'Pass --force to move it.',
    });
  }
  if (checksum !== undefined) writeRef(repo, to, checksum);
  else if (listRefs(repo, from).has(from)) writeRefAlias(repo, to, from);
  else throw new AtomicError('RefNotFound', `Cannot create alias to non-existent ref: ${from}`);
}

function deleteRefs(repo: Repo, prefix: string): void {
  const aliases = [...listAliases(repo, undefined)];
  const refs = [...matchingRefs(repo, prefix).keys()];
  for (const refspec of refs) {
    const [alias] = aliases.find(([name, target]) => target === refspec && !refs.includes(name)) ?? [];
    if (alias !== undefined) {
      throw new AtomicError('InvalidArgument', `Ref '${refspec}' has an active alias: '${alias}'`, {
        hint: 'Delete the alias first.',
      });
    }
  }
  for (const refspec of refs) writeRef(repo, refspec, undefined);
}

/** `ostree refs`: lists, creates or deletes refs. Without `--list` a prefix is cut off the names printed. */
export function refsCommand(context: OstreeContext): Command {
  const command = repoCommand('refs', 'List refs')
    .argument('[prefix...]')
    .option('--delete', 'delete refs which match PREFIX, rather than listing them')
    .option('--list', 'do not remove the prefix from the refs')
    .option('-A, --alias', 'with --create, create an alias; otherwise list the aliases alone')
    .option('--create <newref>', 'create a new ref for an existing commit')
    .option('--force', 'overwrite existing refs when creating');
  return command.action(async (prefixes: readonly string[], options: RefsOptions) => {
    using repo = openCommandRepo(context, command);
    if (options.create !== undefined) {
      createRef(repo, prefixes, options);
      await updateSummaryIfAsked(repo, context.job);
      return;
    }
    if (options.delete === true && prefixes.length === 0) {
      throw new AtomicError('InvalidArgument', 'At least one PREFIX is required when deleting refs');
    }
    for (const prefix of prefixes.length === 0 ? [undefined] : prefixes) {
      if (options.delete === true && prefix !== undefined) deleteRefs(repo, prefix);
      else if (options.alias === true) {
        for (const [alias, target] of listAliases(repo, prefix)) context.write(`${alias} -> ${target}\n`);
      } else {
        for (const refspec of matchingRefs(repo, prefix).keys()) {
          context.write(`${options.list === true ? refspec : cutPrefix(refspec, prefix)}\n`);
        }
      }
    }
    if (options.delete === true) await updateSummaryIfAsked(repo, context.job);
  });
}
