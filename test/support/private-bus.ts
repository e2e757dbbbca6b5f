/** A real dbus-daemon of our own, with path sockets in a temporary directory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A running bus; `await using` it. */
export interface PrivateBus extends AsyncDisposable {
  readonly address: string;
  /** Readable by everybody, gone with the bus. */
  readonly directory: string;
}

/** Which policy holds, and what the bus can start. */
export interface BusDescription {
  /** `shipped` is the system bus's default (nothing may be called) with our policy file on top. */
  readonly policy?: 'permissive' | 'shipped';
  /** Text of a service file. */
  readonly service?: string;
}

const repository = resolve(import.meta.dirname, '../..');

const permissive = `
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
    <allow send_requested_reply="true"/><allow receive_type="method_call"/><allow receive_type="signal"/>
    <allow receive_requested_reply="true"/>
  </policy>`;

const shipped = `
  <policy context="default">
    <allow user="*"/><deny own="*"/><deny send_type="method_call"/><allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
  </policy>
  <include>${join(repository, 'dbus/org.projectatomic.rpmostree1.conf')}</include>`;

/** Starts a bus and resolves when it listens. */
export async function startPrivateBus(description: BusDescription = {}): Promise<PrivateBus> {
  const directory = mkdtempSync(join(tmpdir(), 'atomic-bus-'));
  chmodSync(directory, 0o755);
  const services = join(directory, 'services');
  mkdirSync(services);
  if (description.service !== undefined) {
    writeFileSync(join(services, 'org.projectatomic.rpmostree1.service'), description.service);
  }
  const config = join(directory, 'bus.conf');
  writeFileSync(
    config,
    `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=${join(directory, 'bus')}</listen><auth>EXTERNAL</auth>
  <servicedir>${services}</servicedir>${description.policy === 'shipped' ? shipped : permissive}
</busconfig>`,
  );
  const args = ['--nofork', '--nopidfile', '--print-address=1', `--config-file=${config}`];
  const daemon = spawn('dbus-daemon', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const address = await firstLine(daemon);
  return {
    address: address.split(',guid=')[0] ?? address,
    directory,
    [Symbol.asyncDispose]: async () => {
      await endProcess(daemon);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function firstLine(daemon: ChildProcess): Promise<string> {
  return await new Promise((resolve, reject) => {
    let text = '';
    daemon.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve(text.split('\n')[0] ?? '');
    });
    daemon.once('exit', () => reject(new Error('dbus-daemon did not start')));
  });
}

/** Ends a child and resolves when it is gone. */
export async function endProcess(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  await gone;
}
