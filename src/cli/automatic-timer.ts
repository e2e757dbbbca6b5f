import { type BusConnection, isWireVariant, type WireValue } from '../ipc/index.ts';

const manager = 'org.freedesktop.systemd1';
const managerPath = '/org/freedesktop/systemd1';
const timerUnit = 'rpm-ostreed-automatic.timer';
const serviceUnit = 'rpm-ostreed-automatic.service';
// systemd answers in milliseconds; status does not wait for one that is stuck.
const timeoutMs = 2000;

/** What systemd says about the timer and the service that automatic updates run by. */
export interface AutomaticUnits {
  /** `ActiveState` of the service. */
  readonly service: string;
  /** `ActiveState` of the timer. */
  readonly timer: string;
  /** When the timer last elapsed, seconds since 1970; 0 if never in this boot. */
  readonly lastRunSeconds: number;
}

/** The unit that matters now and its state, in the reference's words; `undefined` stands for a systemd that said nothing. */
export function describeUnits(units: AutomaticUnits | undefined, now: Date): string {
  if (units?.service === 'failed') return `${serviceUnit}: last run failed`;
  if (units?.service === 'active' || units?.service === 'activating') return `${serviceUnit}: running`;
  return `${timerUnit}: ${describeTimer(units, now)}`;
}

function describeTimer(units: AutomaticUnits | undefined, now: Date): string {
  if (units?.timer === 'inactive') return 'inactive';
  if (units?.timer !== 'active') return 'unknown state';
  if (units.lastRunSeconds === 0) return 'no runs since boot';
  return `last run ${describeAge(now.getTime() / 1000 - units.lastRunSeconds)} ago`;
}

/** An age by its largest unit. */
function describeAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}min`;
  return whole < 86_400 ? `${Math.floor(whole / 3600)}h` : `${Math.floor(whole / 86_400)}d`;
}

/** Asks systemd on the bus; undefined if there is none, or it does not answer. */
export async function loadAutomaticUnits(bus: BusConnection): Promise<AutomaticUnits | undefined> {
  try {
    const [service, timer] = [await loadUnit(bus, serviceUnit), await loadUnit(bus, timerUnit)];
    const state = async (path: string): Promise<string> => {
      const value = await readProperty(bus, path, [`${manager}.Unit`, 'ActiveState']);
      return typeof value === 'string' ? value : '';
    };
    const elapsed = await readProperty(bus, timer, [`${manager}.Timer`, 'LastTriggerUSec']);
    return {
      service: await state(service),
      timer: await state(timer),
      lastRunSeconds: typeof elapsed === 'bigint' ? Number(elapsed / 1_000_000n) : 0,
    };
  } catch {
    // Whatever systemd's trouble is, it is not what the person asked about.
    return undefined;
  }
}

async function loadUnit(bus: BusConnection, name: string): Promise<string> {
  const request = { destination: manager, path: managerPath, interface: `${manager}.Manager`, noAutoStart: true };
  const [path] = await bus.connection.call(
    { ...request, member: 'LoadUnit', signature: 's', body: [name] },
    { timeoutMs },
  );
  return typeof path === 'string' ? path : managerPath;
}

async function readProperty(bus: BusConnection, path: string, body: readonly string[]): Promise<WireValue | undefined> {
  const request = { destination: manager, path, interface: 'org.freedesktop.DBus.Properties', noAutoStart: true };
  const [value] = await bus.connection.call({ ...request, member: 'Get', signature: 'ss', body }, { timeoutMs });
  return value !== undefined && isWireVariant(value) ? value.value : value;
}
