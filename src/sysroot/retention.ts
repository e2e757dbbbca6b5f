import { AtomicError } from '../base/index.ts';

/** What the planners of this file look at; every deployment is one. */
export interface ListedDeployment {
  readonly id: string;
  readonly stateroot: string;
  readonly booted?: boolean;
  readonly staged?: boolean;
  readonly pinned?: boolean;
}

/** A list of deployments in boot order, as `loadDeployments` gives it. */
export interface OrderedDeployments<D extends ListedDeployment> {
  readonly deployments: readonly D[];
}

/** A deployment on its way into the list, with the one it takes /etc from. */
export interface IncomingDeployment extends ListedDeployment {
  readonly merge?: ListedDeployment | undefined;
}

/**
 * The list after `incoming` becomes the default; pure. Kept, in their order: what is booted, the merge deployment, pinned
 * ones and those of other stateroots. A staged deployment is superseded. OSTree sysroot format: deploying.
 */
export function planRetention<D extends ListedDeployment, N extends IncomingDeployment>(
  existing: OrderedDeployments<D>,
  incoming: N,
): readonly (D | N)[] {
  const kept = existing.deployments.filter(
    (deployment) =>
      deployment.id !== incoming.id &&
      deployment.staged !== true &&
      (deployment.booted === true ||
        deployment.pinned === true ||
        deployment.id === incoming.merge?.id ||
        deployment.stateroot !== incoming.stateroot),
  );
  return [incoming, ...kept];
}

/**
 * The list after a rollback; pure. The first deployment after the booted one becomes the default; with none after it, the
 * booted one goes first again (which undoes an earlier rollback). Offline, index 1 goes first. All others stay.
 * `NoRollback` if there is nothing to go back to, `StagedExists` while an update is staged.
 */
export function rollbackOrder<D extends ListedDeployment>(existing: OrderedDeployments<D>): readonly D[] {
  const list = existing.deployments;
  if (list.some(({ staged }) => staged === true)) {
    throw new AtomicError('StagedExists', 'Staged deployment (remove with cleanup -p)', {
      hint: 'Run: atomic host cleanup --pending',
    });
  }
  const chosen = chooseRollback(list);
  if (chosen === undefined) {
    throw new AtomicError('NoRollback', 'No rollback deployment found', {
      hint: 'There is only one deployment; an upgrade adds another.',
    });
  }
  return [chosen, ...list.filter((deployment) => deployment !== chosen)];
}

function chooseRollback<D extends ListedDeployment>(list: readonly D[]): D | undefined {
  const booted = list.findIndex((deployment) => deployment.booted === true);
  const reference = list[booted === -1 ? 0 : booted];
  const ours = (deployment: D) => deployment.stateroot === reference?.stateroot;
  const after = list.slice((booted === -1 ? 0 : booted) + 1).find(ours);
  if (after !== undefined) return after;
  const before = list.slice(0, Math.max(booted, 0)).some(ours);
  return before ? reference : undefined;
}

/** Which deployments a person wants gone. */
export interface CleanupChoice {
  /** Those before the booted one, a staged one included. */
  readonly pending?: boolean;
  /** Those after the booted one. */
  readonly rollback?: boolean;
  /** The stateroot meant; the booted one's, else that of the first deployment, by default. */
  readonly stateroot?: string | undefined;
}

/**
 * The list that is left after a cleanup; pure. The booted one, pinned ones and other stateroots always stay. With nothing
 * booted every deployment counts as pending; the default of an offline sysroot's last list goes too, if asked for.
 */
export function planCleanup<D extends ListedDeployment>(
  existing: OrderedDeployments<D>,
  choice: CleanupChoice,
): readonly D[] {
  const list = existing.deployments;
  const booted = list.findIndex((deployment) => deployment.booted === true);
  const stateroot = choice.stateroot ?? list[booted === -1 ? 0 : booted]?.stateroot;
  return list.filter((deployment, index) => {
    if (deployment.booted === true || deployment.pinned === true || deployment.stateroot !== stateroot) return true;
    const pending = booted === -1 || index < booted;
    return pending ? choice.pending !== true : choice.rollback !== true;
  });
}

/**
 * The list without the deployment at `index`; pure. `InvalidArgument` for an index that is not there or is booted: a person
 * must boot another one first.
 */
export function planUndeploy<D extends ListedDeployment>(existing: OrderedDeployments<D>, index: number): readonly D[] {
  const list = existing.deployments;
  const chosen = list[index];
  if (chosen === undefined) {
    throw new AtomicError('InvalidArgument', `Out of range deployment index ${index}, expected < ${list.length}`, {
      hint: 'See: atomic host status',
    });
  }
  if (chosen.booted === true) {
    throw new AtomicError('InvalidArgument', `Cannot undeploy currently booted deployment ${index}`, {
      hint: 'Boot another deployment first.',
    });
  }
  return list.filter((deployment) => deployment !== chosen);
}
