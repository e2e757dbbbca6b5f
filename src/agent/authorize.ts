import { AtomicError } from '../base/index.ts';
import { osInterface, sysrootInterface, type Authorize } from '../ipc/index.ts';

/** Registering changes nothing on the host: it is open to everybody, and bounded by {@link Clients}. */
const openActions: ReadonlySet<string> = new Set(['client-management']);

/**
 * Until polkit is asked: uid 0 (and who owns an embedded agent) may call everything, everybody else what changes nothing.
 * `NotAuthorized` with the sentence existing clients know.
 */
export function authorizeByUid(ownerUid: number | undefined): Authorize {
  return async ({ caller, interface: name, method }) => {
    if (method.action === undefined || openActions.has(method.action)) return;
    const uid = await caller.uid();
    if (uid === 0 || uid === ownerUid) return;
    const object = name === sysrootInterface.name ? 'Sysroot' : name === osInterface.name ? 'OS' : 'OSExperimental';
    throw new AtomicError('NotAuthorized', `rpmostreed ${object} operation ${method.name} not allowed for user`, {
      hint: 'Run the command as root',
      facts: { uid },
    });
  };
}
