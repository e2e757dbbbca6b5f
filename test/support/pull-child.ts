/** The victim of the kill tests: one pull in a process of its own. Prints the result as one line of JSON. */
import { createJob } from '../../src/base/index.ts';
import { loadRemotes, pull } from '../../src/remote/index.ts';
import { openRepo } from '../../src/repo/index.ts';

async function main(repoPath: string, ref: string): Promise<void> {
  using repo = openRepo(repoPath);
  const remote = loadRemotes(repo).get('origin');
  if (remote === undefined) throw new Error('no remote');
  const { refs: _, ...counts } = await pull(repo, { remote, refs: [ref] }, createJob());
  console.log(JSON.stringify(counts));
}

const [repoPath = '', ref = ''] = process.argv.slice(2);
main(repoPath, ref).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
