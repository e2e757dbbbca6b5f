import type { WireDict } from '../ipc/index.ts';
import { type DeploymentView, viewDeployment } from './deployment-view.ts';
import { renderDeployment, renderUpdate } from './render-deployment.ts';
import { cleanLine, type Style } from './terminal-text.ts';

/** A running transaction, as far as `status` names it. */
export interface TransactionView {
  readonly title: string;
  readonly initiator: string;
}

/** Everything `status` draws. */
export interface StatusView {
  readonly deployments: readonly WireDict[];
  readonly cachedUpdate: WireDict | undefined;
  readonly automaticUpdatePolicy: string;
  /** The unit automatic updates run by and its state; undefined where no systemd could know. */
  readonly automaticUnit: string | undefined;
  readonly busy: boolean;
  /** Undefined when the host is idle, or when the transaction ended between two questions. */
  readonly transaction: TransactionView | undefined;
}

/** What the person asked to see. */
export interface StatusDetail {
  readonly verbose: boolean;
  readonly bootedOnly: boolean;
  readonly style: Style;
}

/** The text of `status`. Ends with a line end. */
export function renderStatus(view: StatusView, detail: StatusDetail): string {
  const all = view.deployments.map(viewDeployment);
  const severalStateroots = new Set(all.map((one) => one.stateroot)).size > 1;
  const blocks = all
    .map((one, index) => ({ one, index }))
    .filter(({ one }) => !detail.bootedOnly || one.booted)
    .map(({ one, index }) => renderDeployment(one, { ...detail, severalStateroots, index }));
  const parts = [
    `State: ${view.busy ? 'busy' : 'idle'}\n`,
    renderPolicy(view, detail.verbose),
    renderTransaction(view.transaction),
    detail.bootedOnly ? 'BootedDeployment:\n' : 'Deployments:\n',
    blocks.length === 0 ? '  (none)\n' : blocks.join('\n'),
    renderAvailable(view, all, detail),
  ];
  return parts.join('');
}

function renderPolicy({ automaticUpdatePolicy: policy, automaticUnit }: StatusView, verbose: boolean): string {
  if (policy === 'none') return verbose ? 'AutomaticUpdates: disabled\n' : '';
  return `AutomaticUpdates: ${cleanLine(policy)}${automaticUnit === undefined ? '' : `; ${automaticUnit}`}\n`;
}

function renderTransaction(transaction: TransactionView | undefined): string {
  if (transaction === undefined) return '';
  return `Transaction: ${cleanLine(transaction.title)}\n  Initiator: ${cleanLine(transaction.initiator)}\n`;
}

/** An update is worth a block when automatic updates found it and no deployment on the list is it already. */
function renderAvailable(view: StatusView, shown: readonly DeploymentView[], detail: StatusDetail): string {
  if (view.cachedUpdate === undefined || view.automaticUpdatePolicy === 'none' || detail.bootedOnly) return '';
  const update = viewDeployment(view.cachedUpdate);
  if (update.checksum === '' || shown.some((one) => (one.baseChecksum ?? one.checksum) === update.checksum)) return '';
  return `\n${renderUpdate(update, detail)}`;
}
