import { AtomicError } from '../../base/index.ts';
import {
  type AgentClient,
  osInterface,
  sysrootInterface,
  sysrootPath,
  wireDict,
  wireVariant,
} from '../../ipc/index.ts';
import { agentOptions, type CommandSpec, staterootOptions, unchangedExit } from '../command-spec.ts';
import type { CliContext } from '../context.ts';
import { viewDeployment } from '../deployment-view.ts';
import { followTransaction } from '../follow-transaction.ts';
import { addressOfReply, chooseOs, loadCachedUpdate, loadHost } from '../host-view.ts';
import type { Invocation } from '../invocation.ts';
import { withAgent } from '../open-agent.ts';
import { renderUpdate } from '../render-deployment.ts';
import { commandLineOf, rebootHints, runTransaction, type TransactionRequest } from '../run-transaction.ts';

/** `upgrade`: fetches the newest commit of what the host follows and deploys it for the next boot. */
export const upgrade: CommandSpec = {
  name: 'upgrade',
  aliases: ['update'],
  summary: 'Fetch and deploy the newest version',
  description:
    'Fetches the newest commit of the branch this host follows and makes it the next boot. What runs now, and the way ' +
    'back to it, are not touched. Ctrl-C cancels; what was fetched is kept for the next try.',
  options: [
    { flags: '-r, --reboot', description: 'reboot if there is something new to boot' },
    { flags: '--allow-downgrade', description: 'accept a commit that is older than the deployed one' },
    { flags: '--check', description: 'only say whether there is an update; 77 if not' },
    { flags: '--preview', description: 'the same, with all that is known about it' },
    { flags: '--check-diff', description: 'the old name of --preview', aliasOf: 'preview' },
    { flags: '-C, --cache-only', description: 'deploy what was fetched before; do not use the network' },
    { flags: '--download-only', description: 'fetch, do not deploy' },
    { flags: '--unchanged-exit-77', description: 'exit with 77 if nothing new was deployed' },
    { flags: '--upgrade-unchanged-exit-77', description: 'the old name', aliasOf: 'unchangedExit77' },
    { flags: '--trigger-automatic-update-policy', description: 'what the timer runs', hidden: true },
    ...staterootOptions,
    ...agentOptions,
  ],
  refused: ['--install <package>', '--uninstall <package>', '--lock-finalization', '--bypass-driver'],
  examples: [
    ['upgrade', 'deploy the newest version for the next boot'],
    ['upgrade --check', 'is there one?'],
    ['upgrade --download-only', 'fetch now …'],
    ['upgrade --cache-only --reboot', '… deploy and reboot at night'],
  ],
  run: async (invocation, context) => {
    const wantsPreview = invocation.flag('preview');
    refuseContradictions(invocation, wantsPreview);
    return await withAgent(invocation, context, async (agent) => {
      const osObject = await chooseOs(agent, invocation.text('stateroot'));
      if (wantsPreview || invocation.flag('check')) {
        return await check(agent, { osObject, verbose: wantsPreview, quiet: invocation.flag('quiet') }, context);
      }
      if (invocation.flag('triggerAutomaticUpdatePolicy')) {
        const request = triggerRequest(osObject, context);
        return await runTransaction(agent, request, { invocation, context, report: { hint: rebootHints.short } });
      }
      await noteAutomaticUpdates(agent, invocation, context);
      const request = { osObject, member: 'Upgrade', args: [upgradeOptions(invocation, context)] };
      return await runTransaction(agent, request, { invocation, context, report: { hint: rebootHints.short } });
    });
  },
};

function refuseContradictions(invocation: Invocation, wantsPreview: boolean): void {
  const refuse = (one: string, other: string): never => {
    throw new AtomicError('InvalidArgument', `Cannot specify both ${one} and ${other}`);
  };
  if (invocation.flag('reboot') && wantsPreview) refuse('--reboot', '--preview');
  if (invocation.flag('reboot') && invocation.flag('check')) refuse('--reboot', '--check');
  if (invocation.flag('cacheOnly') && invocation.flag('downloadOnly')) refuse('--cache-only', '--download-only');
  if (invocation.flag('reboot') && invocation.flag('downloadOnly')) refuse('--reboot', '--download-only');
  for (const [name, flags] of [
    ['cacheOnly', '--cache-only'],
    ['downloadOnly', '--download-only'],
    ['allowDowngrade', '--allow-downgrade'],
  ] as const) {
    if (invocation.flag(name) && (wantsPreview || invocation.flag('check'))) {
      refuse(flags, wantsPreview ? '--preview' : '--check');
    }
  }
}

function upgradeOptions(invocation: Invocation, context: CliContext) {
  const flag = (name: string) => (invocation.flag(name) ? wireVariant('b', true) : undefined);
  return wireDict({
    reboot: flag('reboot'),
    'allow-downgrade': flag('allowDowngrade'),
    'cache-only': flag('cacheOnly'),
    'download-only': flag('downloadOnly'),
    'initiating-command-line': wireVariant('s', commandLineOf(context)),
  });
}

/** The timer's run: the agent decides by its settings, and tells its own log unless a person watches. */
function triggerRequest(osObject: string, context: CliContext): TransactionRequest {
  const options = wireDict({
    mode: wireVariant('s', 'auto'),
    'output-to-self': wireVariant('b', !context.stdout.isTerminal),
    'initiating-command-line': wireVariant('s', commandLineOf(context)),
  });
  const disabled = 'Automatic updates are not enabled; exiting...';
  return { osObject, member: 'AutomaticUpdateTrigger', args: [options], disabled };
}

/** Somebody who upgrades by hand may not know that the machine does it too. */
async function noteAutomaticUpdates(agent: AgentClient, invocation: Invocation, context: CliContext): Promise<void> {
  if (invocation.flag('quiet')) return;
  const { automaticUpdatePolicy } = await loadHost(agent);
  if (automaticUpdatePolicy === 'stage') context.stdout.write('note: automatic updates (stage) are enabled\n');
}

interface CheckOptions {
  readonly osObject: string;
  readonly verbose: boolean;
  readonly quiet: boolean;
}

async function check(
  agent: AgentClient,
  { osObject, verbose, quiet }: CheckOptions,
  context: CliContext,
): Promise<number> {
  const options = wireDict({
    mode: wireVariant('s', 'check'),
    'output-to-self': wireVariant('b', false),
    'initiating-command-line': wireVariant('s', commandLineOf(context)),
  });
  const reply = await agent.call(osObject, osInterface, { member: 'AutomaticUpdateTrigger', args: [options] });
  await followTransaction(agent, { address: addressOfReply(reply), quiet }, context);
  await agent.call(sysrootPath, sysrootInterface, { member: 'Reload' });
  const update = await loadCachedUpdate(agent, osObject);
  if (update === undefined || update.get('ref-has-new-commit')?.value === false) {
    if (!quiet) context.stdout.write('No updates available.\n');
    return unchangedExit;
  }
  if (!quiet) context.stdout.write(renderUpdate(viewDeployment(update), { verbose }));
  return 0;
}
