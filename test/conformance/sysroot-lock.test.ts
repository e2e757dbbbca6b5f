import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createJob } from '../../src/base/index.ts';
import { loadDeployments, lockSysroot } from '../../src/sysroot/index.ts';
import { mountLoopImage } from '../support/loop-image.ts';
import { makeSysroot } from '../support/make-sysroot.ts';
import { startOstree } from '../support/real-ostree.ts';
import { realCommit } from '../support/real-sysroot.ts';

describe('the sysroot lock of ours and of the real ostree', () => {
  it('the real tool waits while we hold it, and goes on when we let go', async () => {
    const mount = mountLoopImage();
    const host = await makeSysroot(mount, { booted: false });
    realCommit(host.path, mount, { version: '2' });
    using sysroot = host.open();
    const lock = await lockSysroot(sysroot, createJob());
    const child = startOstree('admin', `--sysroot=${host.path}`, 'deploy', '--os=testos', 'test/os');
    const ended = once(child, 'exit');
    onTestFinished(async () => {
      child.kill();
      await ended;
    });
    // It says so once it found the lock taken; only then does going on prove anything.
    let said = '';
    while (!said.includes('Waiting for sysroot lock')) said += String(await once(child.stdout, 'data'));
    expect(loadDeployments(sysroot).deployments).toHaveLength(1);
    expect(child.exitCode).toBeNull();
    lock[Symbol.dispose]();
    expect(await ended).toEqual([0, null]);
    expect(loadDeployments(sysroot).deployments).toHaveLength(2);
  });

  it('we are refused while the real tool holds it', async () => {
    const mount = mountLoopImage();
    const host = await makeSysroot(mount, { booted: false });
    const fifo = join(mount, 'fifo');
    execFileSync('mkfifo', [fifo]);
    using sysroot = host.open();
    // Opening a fifo that nobody writes to lasts for ever; the real tool does that with its lock held.
    const arguments_ = [`--sysroot=${host.path}`, 'deploy', '--os=testos', `--origin-file=${fifo}`, host.ref];
    const holder = startOstree('admin', ...arguments_);
    const ended = once(holder, 'exit');
    onTestFinished(async () => {
      holder.kill();
      await ended;
    });
    const attempt = async () => {
      using _lock = await lockSysroot(sysroot, createJob(), { timeoutMs: 0 });
    };
    let refused: unknown;
    while (refused === undefined) {
      refused = await attempt().catch((error: unknown) => error);
      await setImmediate();
    }
    expect(refused).toMatchObject({ code: 'UpdateInProgress' });
    holder.kill();
    await ended;
    await attempt();
  });
});
