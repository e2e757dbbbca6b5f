import { AtomicError, isChecksum, type Checksum } from '../base/index.ts';
import { isRefName, parseObjectPath } from '../format/index.ts';
import { loadCommit } from './objects.ts';
import { listRefs, readRef } from './refs.ts';
import type { Repo } from './repo.ts';

/** With fewer digits every name made of a to f would be taken for a commit. */
const minPrefixDigits = 2;

/**
 * The commit that `rev` names, undefined if none: a whole checksum (which need not exist), a ref, `remote:ref`, or the
 * first digits of exactly one commit, then any number of `^` for its parents; a bare name in any remote only on
 * `anyRemote`. The repos of `core.parent` are asked in turn. Throws `InvalidRefspec` for text that can name nothing and for
 * ambiguous digits, `MissingObject` when a `^` needs a commit that is absent.
 */
export function resolveRev(repo: Repo, rev: string, options: { anyRemote?: boolean } = {}): Checksum | undefined {
  const carets = /\^*$/.exec(rev)?.[0].length ?? 0;
  let checksum = resolveName(repo, rev.slice(0, rev.length - carets), options.anyRemote === true);
  for (let step = 0; step < carets && checksum !== undefined; step += 1) checksum = loadCommit(repo, checksum).parent;
  return checksum;
}

/** Like {@link resolveRev}, but `RefNotFound` when `rev` names nothing. */
export function requireRev(repo: Repo, rev: string, options: { anyRemote?: boolean } = {}): Checksum {
  const checksum = resolveRev(repo, rev, options);
  if (checksum !== undefined) return checksum;
  const reason = rev.endsWith('^') ? 'that commit has no parent' : 'no ref and no commit has that name';
  throw new AtomicError('RefNotFound', `Refspec '${rev}' not found in repo ${repo.path}: ${reason}`, {
    facts: { rev, path: repo.path },
    hint: `Run \`ostree refs --repo=${repo.path}\` to see the refs there are, or pull it first.`,
  });
}

function resolveName(repo: Repo, name: string, anyRemote: boolean): Checksum | undefined {
  if (isChecksum(name)) return name;
  const direct = readRef(repo, name);
  if (direct !== undefined) return direct;
  if (anyRemote && isRefName(name)) {
    const inRemote = [...listRefs(repo)].find(
      ([refspec]) => refspec.endsWith(`:${name}`) || refspec.replace(':', '/') === name,
    );
    if (inRemote !== undefined) return inRemote[1];
  }
  return (
    resolvePrefix(repo, name) ?? (repo.parent === undefined ? undefined : resolveName(repo.parent, name, anyRemote))
  );
}

function resolvePrefix(repo: Repo, prefix: string): Checksum | undefined {
  if (prefix.length < minPrefixDigits || !/^[0-9a-f]+$/.test(prefix)) return undefined;
  const directory = prefix.slice(0, 2);
  if (!repo.objects.exists(directory)) return undefined;
  const matches = repo.objects.list(directory).flatMap(({ name }) => {
    const object = parseObjectPath(`${directory}/${name}`);
    return object?.type === 'commit' && object.checksum.startsWith(prefix) ? [object.checksum] : [];
  });
  if (matches.length <= 1) return matches[0];
  throw new AtomicError('InvalidRefspec', `Refspec ${prefix} is not unique: ${matches.length} commits begin with it`, {
    facts: { rev: prefix, matches: matches.length },
    hint: 'Give more digits.',
  });
}
