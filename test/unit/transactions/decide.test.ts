import { describe, expect, it } from 'vitest';

import { parseChecksum } from '../../../src/base/index.ts';
import { parseOrigin } from '../../../src/format/index.ts';
import { decide, decideSource, type Weighed } from '../../../src/transactions/decide.ts';

const older = { checksum: parseChecksum('a1'.repeat(32)), version: '1', timestampSeconds: 1_767_225_600 };
const newer = { checksum: parseChecksum('b2'.repeat(32)), version: '2', timestampSeconds: 1_767_312_000 };

const plan: Weighed = {
  candidate: newer,
  current: older,
  complete: false,
  fetchable: true,
  missing: undefined,
  freeBytes: 1000,
  unchangedMessage: 'No upgrade available.',
};
const missing = (storedBytes: number) => ({ objects: 1, downloadBytes: 1, storedBytes });
const strict = { allowDowngrade: false };

describe('a decision about an update', () => {
  it('goes ahead with a newer commit', () => {
    expect(decide(plan, strict)).toEqual({ kind: 'proceed' });
  });

  it('goes ahead with another commit of the same second', () => {
    const twin = { ...newer, timestampSeconds: older.timestampSeconds };
    expect(decide({ ...plan, candidate: twin }, strict)).toEqual({ kind: 'proceed' });
  });

  it('changes nothing when the commit is deployed, whatever else is in the way', () => {
    const deployed = { ...plan, candidate: older, fetchable: false, missing: missing(2000) };
    expect(decide(deployed, strict)).toEqual({ kind: 'unchanged', message: 'No upgrade available.' });
  });

  it('refuses an older commit, with both times', () => {
    const decision = decide({ ...plan, candidate: older, current: newer }, strict);
    expect(decision).toMatchObject({ kind: 'refused', error: { code: 'Downgrade' } });
    expect(decision).toMatchObject({ error: { message: expect.stringContaining('chronologically older') as string } });
    expect(decision).toMatchObject({ error: { message: expect.stringContaining('2026-01-01T00:00:00Z') as string } });
    expect(decision).toMatchObject({ error: { message: expect.stringContaining('2026-01-02T00:00:00Z') as string } });
  });

  it('takes an older commit when that is allowed', () => {
    const back = { ...plan, candidate: older, current: newer };
    expect(decide(back, { allowDowngrade: true })).toEqual({ kind: 'proceed' });
  });

  it('refuses what is neither here nor to be fetched', () => {
    const decision = decide({ ...plan, fetchable: false }, strict);
    expect(decision).toMatchObject({ kind: 'refused', error: { code: 'MissingObject' } });
  });

  it('goes ahead without a remote when everything is here', () => {
    expect(decide({ ...plan, complete: true, fetchable: false }, strict)).toEqual({ kind: 'proceed' });
  });

  it('refuses an update that the disk cannot hold before fetching it', () => {
    expect(decide({ ...plan, missing: missing(1001) }, strict)).toMatchObject({ error: { code: 'NoSpace' } });
    expect(decide({ ...plan, missing: missing(1000) }, strict)).toEqual({ kind: 'proceed' });
  });
});

const source = (text: string) => decideSource(parseOrigin(`[origin]\n${text}`));

describe('the source of an origin', () => {
  it('is the branch of its refspec', () => {
    expect(source('refspec=vendor:os/stable\n')).toEqual({
      kind: 'branch',
      refspec: 'vendor:os/stable',
      remote: 'vendor',
      ref: 'os/stable',
    });
    expect(source('refspec=os/stable\n')).toMatchObject({ kind: 'branch', remote: undefined });
  });

  it('is the branch although a deploy has overridden the commit', () => {
    expect(source(`refspec=vendor:os\noverride-commit=${older.checksum}\n`)).toMatchObject({ kind: 'branch' });
  });

  it('is pinned when the refspec is a commit', () => {
    const message = 'Pinned to commit; no upgrade available';
    expect(source(`refspec=${older.checksum}\n`)).toEqual({ kind: 'pinned', message });
  });

  it('names the custom origin that pinned it', () => {
    const text = `refspec=${older.checksum}\ncustom-url=https://example.com\ncustom-description=the lab\n`;
    expect(source(text)).toEqual({ kind: 'pinned', message: 'Pinned to commit by custom origin: the lab' });
  });

  it.each([
    [
      'an unconfigured state',
      'unconfigured-state=Register first.\nrefspec=a:b\n',
      'origin unconfigured-state: Register first.',
    ],
    ['requested packages', 'refspec=a:b\n[packages]\nrequested=vim;\n', 'packages.requested'],
    ['a removed package', 'refspec=a:b\n[overrides]\nremove=vim;\n', 'overrides.remove'],
    ['a container image', 'container-image-reference=ostree-unverified-registry:x/y\n', 'container-image-reference'],
    ['no source at all', '', 'names no refspec'],
  ])('is refused with %s', (_what, text, words) => {
    expect(() => source(text)).toThrow(
      expect.objectContaining({ code: 'UnsupportedOrigin', message: expect.stringContaining(words) as string }),
    );
  });

  it('refuses a refspec that is none', () => {
    expect(() => source('refspec=a:../b\n')).toThrow(expect.objectContaining({ code: 'InvalidRefspec' }));
  });
});
