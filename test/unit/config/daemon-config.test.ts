import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { loadDaemonConfig } from '../../../src/config/index.ts';
import { makeTempDir } from '../../support/temp-dir.ts';

function rootWith(text: string): string {
  const root = makeTempDir();
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/rpm-ostreed.conf'), text);
  return root;
}

const defaults = {
  automaticUpdatePolicy: 'none',
  idleExitTimeoutSeconds: 60,
  lockLayering: false,
  recommends: true,
};

it('has its defaults where there is no file', () => {
  expect(loadDaemonConfig(makeTempDir())).toEqual(defaults);
});

it('has its defaults where everything is commented out', () => {
  expect(
    loadDaemonConfig(rootWith('# settings\n[Daemon]\n#AutomaticUpdatePolicy=none\n#IdleExitTimeout=60\n')),
  ).toEqual(defaults);
});

it('reads every setting', () => {
  const text = '[Daemon]\nAutomaticUpdatePolicy=apply\nIdleExitTimeout=0\nLockLayering=true\nRecommends=false\n';
  expect(loadDaemonConfig(rootWith(text))).toEqual({
    automaticUpdatePolicy: 'apply',
    idleExitTimeoutSeconds: 0,
    lockLayering: true,
    recommends: false,
  });
});

it.each([
  ['none', 'none'],
  ['off', 'none'],
  ['Check', 'check'],
  ['ex-stage', 'stage'],
  ['STAGE', 'stage'],
])('takes the policy %s for %s', (text, policy) => {
  const root = rootWith(`[Daemon]\nAutomaticUpdatePolicy=${text}\n`);
  expect(loadDaemonConfig(root).automaticUpdatePolicy).toBe(policy);
});

it.each([
  ['AutomaticUpdatePolicy=sometimes', 'expected none, check, stage or apply'],
  ['IdleExitTimeout=soon', 'expected seconds from 0'],
  ['IdleExitTimeout=-1', 'expected seconds from 0'],
  ['IdleExitTimeout=99999999999', 'expected seconds from 0'],
  ['LockLayering=perhaps', 'expected true or false'],
  ['IdleExitTimout=5', 'unknown key IdleExitTimout'],
])('refuses %s and names file and line', (line, reason) => {
  const root = rootWith(`# first\n[Daemon]\n\n${line}\n`);
  expect(() => loadDaemonConfig(root)).toThrow(
    expect.objectContaining({
      code: 'InvalidFormat',
      message: expect.stringContaining(`${root}/etc/rpm-ostreed.conf, line 4: `) as string,
    }),
  );
  expect(() => loadDaemonConfig(root)).toThrow(reason);
});

it('refuses a group it does not know', () => {
  const root = rootWith('[Daemon]\n[Demon]\nIdleExitTimeout=5\n');
  expect(() => loadDaemonConfig(root)).toThrow(`${root}/etc/rpm-ostreed.conf, line 2: unknown group [Demon]`);
});
