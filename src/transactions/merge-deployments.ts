import { AtomicError } from '../base/index.ts';
import type { Deployment, DeploymentList } from '../sysroot/index.ts';

/** The two deployments a new one is made from. */
export interface MergeDeployments {
  readonly stateroot: string;
  /** First in the list of the stateroot: origin and kernel arguments chain on it. */
  readonly originMerge: Deployment;
  /** The running system if it is of this stateroot, else `originMerge`: /etc comes from it. */
  readonly configMerge: Deployment;
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
  const originMerge = deployments.find((deployment) => deployment.stateroot === stateroot);
  if (originMerge === undefined) {
    throw new AtomicError('StaterootNotFound', `OS name "${stateroot}" not found`, { facts: { stateroot } });
  }
  const configMerge = booted?.stateroot === stateroot ? booted : originMerge;
  return { stateroot, originMerge, configMerge };
}
