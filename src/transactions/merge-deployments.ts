import { AtomicError } from '../base/index.ts';
import type { Deployment, DeploymentList } from '../sysroot/index.ts';

/** The two deployments a new one is made from. */
export interface MergeDeployments {
  readonly stateroot: string;
  /** First in the list of the stateroot: origin and kernel arguments chain on it. */
  readonly originMerge: Deployment;
  /**
   * The running system if it is of this stateroot, else the first that can boot: /etc comes from it. `undefined` where
   * the stateroot has nothing but a staged deployment, which has no /etc of its own yet.
   */
  readonly configMerge: Deployment | undefined;
}

/**
 * Chooses the stateroot (the named one, else the booted one, else that of the first deployment) and what a new
 * deployment of it is made from. Pure. `NoDeployment` when there is nothing to start from.
 */
export function chooseMergeDeployments(loaded: DeploymentList, named: string | undefined): MergeDeployments {
  const { deployments, booted } = loaded;
  const stateroot = named ?? booted?.stateroot ?? deployments[0]?.stateroot;
  if (stateroot === undefined) {
    throw new AtomicError('NoDeployment', 'The sysroot has no deployment to start from', {
      hint: 'Lay out the first one with `ostree admin deploy`.',
    });
  }
  const ours = deployments.filter((deployment) => deployment.stateroot === stateroot);
  const [originMerge] = ours;
  if (originMerge === undefined) {
    throw new AtomicError('StaterootNotFound', `OS name "${stateroot}" not found`, { facts: { stateroot } });
  }
  const configMerge = ours.find(({ booted }) => booted) ?? ours.find(({ staged }) => !staged);
  return { stateroot, originMerge, configMerge };
}
