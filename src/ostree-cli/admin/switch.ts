import type { Command } from 'commander';
import { AtomicError } from '../../base/index.ts';
import { formatRefspec, parseRefspec, withRefspec } from '../../format/index.ts';
import { pull, requireRemote } from '../../remote/index.ts';
import { requireRev, writeRef } from '../../repo/index.ts';
import {
  cleanup,
  deployTree,
  finalizeDeployment,
  loadDeployments,
  planRetention,
  stageDeployment,
  writeDeployments,
  type Deployment,
  type Sysroot,
} from '../../sysroot/index.ts';
import type { OstreeContext } from '../context.ts';
import { systemTrustOf } from '../signing.ts';
import { changeSysroot, mergeDeployment, sysrootCommand } from './sysroot-command.ts';

interface Place {
  readonly remote: string | undefined;
  readonly ref: string;
}

/** The deployment whose origin is to change, with the words of the original where there is none. */
function requireMerge(sysroot: Sysroot, named: string | undefined): Deployment {
  const stateroot = named ?? loadDeployments(sysroot).booted?.stateroot;
  if (stateroot === undefined) {
    throw new AtomicError('NotBooted', 'Not currently booted into an OSTree system and no OS specified', {
      hint: 'Name the stateroot with --os=NAME.',
    });
  }
  const merge = mergeDeployment(sysroot, stateroot);
  if (merge !== undefined) return merge;
  throw new AtomicError('NoDeployment', `No previous deployment for OS '${stateroot}'`, {
    hint: 'Make the first one with `ostree admin deploy`.',
  });
}

/** What the argument means where `before` is followed now: `REMOTE:` keeps the ref, a bare ref keeps the remote. */
function placeOf(text: string, before: Place): Place {
  if (text.endsWith(':')) return { remote: text.slice(0, -1), ref: before.ref };
  const { remote = before.remote, ref } = parseRefspec(text);
  return { remote, ref };
}

/** `ostree admin switch`: follows another ref from now on, and deploys what it names. */
export function switchCommand(context: OstreeContext): Command {
  const command = sysrootCommand('switch', 'Construct new tree from REFSPEC and deploy it')
    .argument('<refspec>', 'REMOTE:REF, REF of the remote followed now, or REMOTE: for the same ref')
    .option('--os <osname>', 'use a different operating system root than the current one');
  return command.action(async (text: string, options: { readonly os?: string }) => {
    await changeSysroot(context, command, async (sysroot, job) => {
      const merge = requireMerge(sysroot, options.os);
      if (merge.origin.refspec === undefined) {
        throw new AtomicError('InvalidArgument', 'No refspec in the origin of the current deployment');
      }
      const before: Place = parseRefspec(merge.origin.refspec);
      const after = placeOf(text, before);
      const [old, refspec] = [formatRefspec(before), formatRefspec(after)];
      if (old === refspec) throw new AtomicError('InvalidArgument', `Old and new refs are equal: ${refspec}`);
      const { repo } = sysroot;
      if (after.remote !== undefined) {
        const remote = requireRemote(repo, after.remote);
        await pull(repo, { remote, refs: [after.ref], systemTrust: systemTrustOf(context) }, job);
      }
      const checksum = requireRev(repo, refspec);
      const { stateroot, kargs } = merge;
      const origin = withRefspec(merge.origin, refspec);
      const made = await deployTree(sysroot, { stateroot, checksum, origin, merge, kargs }, job);
      if (sysroot.boot === undefined) {
        await finalizeDeployment(sysroot, made, job);
        await writeDeployments(sysroot, planRetention(loadDeployments(sysroot), made), job);
      } else await stageDeployment(sysroot, made, job);
      context.write(`Deleting ref '${old}'\n`);
      writeRef(repo, old, undefined);
      if (sysroot.boot === undefined) await cleanup(sysroot, { base: true }, job);
    });
  });
}
