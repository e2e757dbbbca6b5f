import { describe, expect, it } from 'vitest';
import { describeUnits } from '../../../src/cli/automatic-timer.ts';
import { renderStatus, type StatusView } from '../../../src/cli/render-status.ts';
import { renderStatusJson } from '../../../src/cli/status-json.ts';
import { plainStyle, styleOf } from '../../../src/cli/terminal-text.ts';
import { wireDict, wireVariant, type WireVariant } from '../../../src/ipc/index.ts';

const oldCommit = '1'.repeat(64);
const newCommit = '2'.repeat(64);

function deployment(over: Readonly<Record<string, WireVariant>> = {}) {
  return wireDict({
    id: wireVariant('s', `fedora-${oldCommit}.0`),
    osname: wireVariant('s', 'fedora'),
    serial: wireVariant('i', 0),
    checksum: wireVariant('s', oldCommit),
    booted: wireVariant('b', false),
    staged: wireVariant('b', false),
    pinned: wireVariant('b', false),
    unlocked: wireVariant('s', 'none'),
    version: wireVariant('s', '43.1'),
    timestamp: wireVariant('t', 1_767_268_800n),
    origin: wireVariant('s', 'fedora:fedora/x86_64/stable'),
    'gpg-enabled': wireVariant('b', false),
    ...over,
  });
}

const booted = deployment({ booted: wireVariant('b', true) });
const staged = deployment({
  staged: wireVariant('b', true),
  checksum: wireVariant('s', newCommit),
  version: wireVariant('s', '43.2'),
});

const idle: StatusView = {
  deployments: [staged, booted],
  cachedUpdate: undefined,
  automaticUpdatePolicy: 'none',
  automaticUnit: undefined,
  busy: false,
  transaction: undefined,
};

const detail = { verbose: false, bootedOnly: false, style: plainStyle };
const signature = wireVariant('(bbbbbsxxssss)', [
  true,
  false,
  false,
  false,
  false,
  'ABCDEF0123',
  1_767_268_800n,
  0n,
  'RSA',
  'SHA256',
  'Fedora',
  'fedora@example.org',
]);

describe('status', () => {
  it('lists the deployments as rpm-ostree does', () => {
    expect(renderStatus(idle, detail)).toBe(`State: idle
Deployments:
  fedora:fedora/x86_64/stable
                  Version: 43.2 (2026-01-01T12:00:00Z)
                   Commit: ${newCommit}

● fedora:fedora/x86_64/stable
                  Version: 43.1 (2026-01-01T12:00:00Z)
                   Commit: ${oldCommit}
`);
  });

  it('shows more with -v, and keeps the columns', () => {
    expect(renderStatus(idle, { ...detail, verbose: true })).toBe(`State: idle
AutomaticUpdates: disabled
Deployments:
  fedora:fedora/x86_64/stable (index: 0)
                  Version: 43.2 (2026-01-01T12:00:00Z)
                   Commit: ${newCommit}
                   Staged: yes
                StateRoot: fedora

● fedora:fedora/x86_64/stable (index: 1)
                  Version: 43.1 (2026-01-01T12:00:00Z)
                   Commit: ${oldCommit}
                   Staged: no
                StateRoot: fedora
`);
  });

  it('shows only the booted one on request, and says so', () => {
    expect(renderStatus(idle, { ...detail, bootedOnly: true })).toBe(`State: idle
BootedDeployment:
● fedora:fedora/x86_64/stable
                  Version: 43.1 (2026-01-01T12:00:00Z)
                   Commit: ${oldCommit}
`);
  });

  it('says that there is nothing on an empty sysroot', () => {
    expect(renderStatus({ ...idle, deployments: [] }, detail)).toBe('State: idle\nDeployments:\n  (none)\n');
  });

  it('names a running transaction and who began it', () => {
    const transaction = { title: 'upgrade --reboot', initiator: 'client(id:cli uid:0)' };
    expect(renderStatus({ ...idle, busy: true, transaction, deployments: [] }, detail)).toBe(
      'State: busy\nTransaction: upgrade --reboot\n  Initiator: client(id:cli uid:0)\nDeployments:\n  (none)\n',
    );
  });

  it.each<[string, Readonly<Record<string, WireVariant>>, string]>([
    ['a pin', { pinned: wireVariant('b', true) }, '                   Pinned: yes\n'],
    ['an unlocked state', { unlocked: wireVariant('s', 'hotfix') }, '                 Unlocked: hotfix\n'],
    ['an end of life', { endoflife: wireVariant('s', 'gone') }, '                EndOfLife: gone\n'],
    [
      'a missing remote',
      { 'remote-error': wireVariant('s', 'Remote "x" not found') },
      '       OstreeRemoteStatus: Remote "x" not found\n',
    ],
    ['an unsigned commit', { 'gpg-enabled': wireVariant('b', true) }, '             GPGSignature: (unsigned)\n'],
    [
      'a signature',
      { 'gpg-enabled': wireVariant('b', true), signatures: wireVariant('av', [signature]) },
      '             GPGSignature: Valid signature by ABCDEF0123\n',
    ],
    [
      'a custom origin over two lines',
      { 'custom-origin': wireVariant('(ss)', ['https://x', 'by hand']) },
      '             CustomOrigin: https://x\n                           by hand\n',
    ],
    ['a base commit', { 'base-checksum': wireVariant('s', newCommit) }, `               BaseCommit: ${newCommit}\n`],
  ])('shows %s', (_name, over, line) => {
    expect(renderStatus({ ...idle, deployments: [deployment(over)] }, detail)).toContain(line);
  });

  it('shows the time alone where there is no version', () => {
    const bare = new Map([...deployment()].filter(([key]) => key !== 'version'));
    expect(renderStatus({ ...idle, deployments: [bare] }, detail)).toContain(
      '                Timestamp: 2026-01-01T12:00:00Z\n',
    );
  });

  it('tells stateroots apart as soon as there are two', () => {
    const other = deployment({ osname: wireVariant('s', 'debian') });
    const text = renderStatus({ ...idle, deployments: [booted, other] }, detail);
    expect(text).toContain('                StateRoot: debian\n');
    expect(text).toContain('                StateRoot: fedora\n');
  });

  it('shows an update that automatic updates found, once', () => {
    const view = { ...idle, automaticUpdatePolicy: 'check', automaticUnit: 'x.timer: inactive', cachedUpdate: staged };
    expect(renderStatus({ ...view, deployments: [booted] }, detail))
      .toContain(`AutomaticUpdates: check; x.timer: inactive
Deployments:
● fedora:fedora/x86_64/stable
                  Version: 43.1 (2026-01-01T12:00:00Z)
                   Commit: ${oldCommit}

AvailableUpdate:
        Version: 43.2 (2026-01-01T12:00:00Z)
         Commit: ${newCommit}
`);
    expect(renderStatus(view, detail)).not.toContain('AvailableUpdate');
  });

  it('does not let a version or an origin move the cursor', () => {
    const hostile = deployment({
      version: wireVariant('s', '1\u001B[2J\n  forged: yes'),
      origin: wireVariant('s', 'evil\r\u009B31m\u202Ebranch'),
    });
    const text = renderStatus({ ...idle, deployments: [hostile] }, detail);
    expect(text).not.toMatch(/[\u001b\u009b\r\u202e]/);
    expect(text).toContain('  evil31mbranch\n                  Version: 1[2J  forged: yes (');
  });

  it('survives dictionaries that lack everything', () => {
    const text = renderStatus({ ...idle, deployments: [new Map()], cachedUpdate: new Map() }, detail);
    expect(text).toContain('Timestamp: (unknown)');
  });

  it('colours only what the style says', () => {
    const style = styleOf({ color: true });
    expect(renderStatus({ ...idle, deployments: [booted] }, { ...detail, style })).toContain(
      '● \u001B[1mfedora:fedora/x86_64/stable\u001B[22m\n',
    );
  });
});

describe('the automatic updates', () => {
  const now = new Date(1_000_000_000_000);
  const units = (service: string, timer: string, ago: number) => ({ service, timer, lastRunSeconds: 1e9 - ago });

  it.each([
    [undefined, 'rpm-ostreed-automatic.timer: unknown state'],
    [units('inactive', 'inactive', 5), 'rpm-ostreed-automatic.timer: inactive'],
    [units('inactive', 'active', 1e9), 'rpm-ostreed-automatic.timer: no runs since boot'],
    [units('inactive', 'active', 42), 'rpm-ostreed-automatic.timer: last run 42s ago'],
    [units('inactive', 'active', 3599), 'rpm-ostreed-automatic.timer: last run 59min ago'],
    [units('inactive', 'active', 14_400), 'rpm-ostreed-automatic.timer: last run 4h ago'],
    [units('inactive', 'active', 200_000), 'rpm-ostreed-automatic.timer: last run 2d ago'],
    [units('failed', 'active', 5), 'rpm-ostreed-automatic.service: last run failed'],
    [units('activating', 'active', 5), 'rpm-ostreed-automatic.service: running'],
  ])('are described as %j: %s', (state, text) => expect(describeUnits(state, now)).toBe(text));
});

describe('status --json', () => {
  it('has the four keys of the reference, always', () => {
    const text = renderStatusJson({ deployments: [], transaction: undefined, cachedUpdate: undefined });
    expect(JSON.parse(text)).toEqual({
      deployments: [],
      transaction: null,
      'cached-update': null,
      'update-driver': null,
    });
  });

  it('unwraps variants, writes 64-bit numbers as numbers and keeps odd keys', () => {
    const dict = wireDict({
      timestamp: wireVariant('t', 1_767_268_800n),
      meta: wireVariant('a{sv}', new Map([['__proto__', wireVariant('ay', new Uint8Array([1, 255]))]])),
      'base-removals': wireVariant('av', [wireVariant('s', 'x')]),
    });
    const text = renderStatusJson({ deployments: [dict], transaction: ['Upgrade', ':1.2', '/a'], cachedUpdate: dict });
    expect(text).toContain('"__proto__": [');
    expect(text).toContain('"timestamp": 1767268800');
    const parsed = JSON.parse(text) as { deployments: unknown[]; transaction: unknown };
    expect(parsed.transaction).toEqual(['Upgrade', ':1.2', '/a']);
    expect(parsed.deployments[0]).toMatchObject({ 'base-removals': ['x'] });
  });
});
