import { AtomicError } from '../base/index.ts';
import {
  type AgentClient,
  dictString,
  osInterface,
  sysrootInterface,
  sysrootPath,
  type WireDict,
  type WireValue,
} from '../ipc/index.ts';

/** The properties of the Sysroot object by what they mean. */
export interface HostView {
  readonly deployments: readonly WireDict[];
  /** Path of the booted stateroot's object; undefined if nothing here is booted. */
  readonly bootedPath: string | undefined;
  readonly automaticUpdatePolicy: string;
  /** (method, sender, path) of the running transaction. */
  readonly activeTransaction: readonly string[] | undefined;
  /** Where to follow it. */
  readonly activeTransactionAddress: string | undefined;
}

/** Reads the Sysroot object's properties. */
export async function loadHost(agent: AgentClient): Promise<HostView> {
  const properties = await agent.properties(sysrootPath, sysrootInterface);
  const booted = dictString(properties, 'Booted') ?? '/';
  const address = dictString(properties, 'ActiveTransactionPath') ?? '';
  const active = list(properties.get('ActiveTransaction')?.value).filter((one) => typeof one === 'string');
  return {
    deployments: list(properties.get('Deployments')?.value).filter(
      (one): one is WireDict & WireValue => one instanceof Map,
    ),
    bootedPath: booted === '/' ? undefined : booted,
    automaticUpdatePolicy: dictString(properties, 'AutomaticUpdatePolicy') ?? 'none',
    activeTransaction: active.length === 3 && active[0] !== '' ? active : undefined,
    activeTransactionAddress: address === '' ? undefined : address,
  };
}

/** The object to call a verb on: the stateroot asked for, else the booted one, else the one that boots next. */
export async function chooseOs(agent: AgentClient, stateroot: string | undefined): Promise<string> {
  if (stateroot !== undefined) return await agent.osPath(stateroot);
  const host = await loadHost(agent);
  if (host.bootedPath !== undefined) return host.bootedPath;
  const first = host.deployments[0];
  return await agent.osPath((first === undefined ? undefined : dictString(first, 'osname')) ?? '');
}

/** The update the agent remembers for a stateroot; undefined if none. */
export async function loadCachedUpdate(agent: AgentClient, osObject: string): Promise<WireDict | undefined> {
  const properties = await agent.properties(osObject, osInterface);
  const update = properties.get('CachedUpdate')?.value;
  return update instanceof Map && update.size > 0 ? (update as WireDict) : undefined;
}

/** The deployment of a stateroot that the next boot starts; undefined if there is none. */
export async function loadDefault(agent: AgentClient, osObject: string): Promise<WireDict | undefined> {
  const properties = await agent.properties(osObject, osInterface);
  const deployment = properties.get('DefaultDeployment')?.value;
  return deployment instanceof Map && deployment.size > 0 ? (deployment as WireDict) : undefined;
}

/** The address a method that begins a transaction returned: the last of its values. */
export function addressOfReply(reply: readonly WireValue[]): string {
  const address = reply.at(-1);
  if (typeof address === 'string' && address !== '') return address;
  throw new AtomicError('InvalidFormat', 'The agent answered without the address of a transaction');
}

function list(value: WireValue | undefined): readonly WireValue[] {
  return Array.isArray(value) ? (value as readonly WireValue[]) : [];
}
