import { describe, expect, it } from 'vitest';
import type { Checksum } from '../../../src/base/index.ts';
import {
  formatOrigin,
  parseOrigin,
  withoutTransient,
  withOverrideCommit,
  withPinned,
  withRefspec,
} from '../../../src/format/index.ts';

const checksum = 'c'.repeat(64) as Checksum;

describe('an origin', () => {
  it('says what it follows', () => {
    const text = `[origin]\nrefspec=fedora:a/b\noverride-commit=${checksum}\ncustom-url=u\ncustom-description=d\nunlocked=hotfix\n\n[libostree-transient]\npinned=true\n`;
    expect(parseOrigin(text)).toMatchObject({
      refspec: 'fedora:a/b',
      overrideCommit: checksum,
      unconfiguredState: undefined,
      customUrl: 'u',
      customDescription: 'd',
      pinned: true,
      unlocked: 'hotfix',
      unsupported: [],
    });
  });

  it('says nothing when empty', () => {
    expect(parseOrigin('')).toMatchObject({ refspec: undefined, pinned: false, unlocked: undefined, unsupported: [] });
  });

  it('takes baserefspec for the refspec', () => {
    expect(parseOrigin('[origin]\nbaserefspec=r:x\n').refspec).toBe('r:x');
  });

  it.each([
    ['[origin]\ncontainer-image-reference=ostree-unverified-registry:x\n', 'origin.container-image-reference'],
    ['[packages]\nrequested=vim;\n', 'packages.requested'],
    ['[packages]\nrequested-local=sha256:vim;\n', 'packages.requested-local'],
    ['[packages]\nrequested-local-fileoverride=sha256:vim;\n', 'packages.requested-local-fileoverride'],
    ['[overrides]\nremove=nano;\n', 'overrides.remove'],
    ['[overrides]\nreplace-local=x;\n', 'overrides.replace-local'],
    ['[overrides]\nreplace=x;\n', 'overrides.replace'],
    ['[rpmostree]\nregenerate-initramfs=true\n', 'rpmostree.regenerate-initramfs'],
    ['[rpmostree]\ninitramfs-etc=/etc/x;\n', 'rpmostree.initramfs-etc'],
    ['[rpmostree]\ninitramfs-args=-I;\n', 'rpmostree.initramfs-args'],
    ['[rpmostree]\nex-cliwrap=true\n', 'rpmostree.ex-cliwrap'],
    ['[modules]\nenable=x;\n', 'modules.enable'],
    ['[rpmostree]\nnot-invented-yet=1\n', 'rpmostree.not-invented-yet'],
  ])('names the request in %j that it cannot honour', (text, key) => {
    expect(parseOrigin(text).unsupported).toEqual([key]);
  });

  it('does not call a withdrawn request one', () => {
    const text = '[packages]\nrequested=\nrequested-local=;\n[rpmostree]\nregenerate-initramfs=false\n[other]\nx=1\n';
    expect(parseOrigin(text).unsupported).toEqual([]);
  });

  it('carries everything it does not know through a change, byte for byte', () => {
    const text = '# made by hand\n[origin]\nrefspec=r:old\nfuture = 1 \n\n[someone]\nelse=\\s;\n';
    const origin = withRefspec(parseOrigin(text), 'r:new');
    expect(formatOrigin(origin)).toBe(text.replace('r:old', 'r:new'));
    expect(origin.refspec).toBe('r:new');
  });

  it('is not changed by the copies made from it', () => {
    const origin = parseOrigin('[origin]\nrefspec=r:x\n');
    const others = [withRefspec(origin, 'y'), withOverrideCommit(origin, checksum), withPinned(origin, true)];
    expect(others.map((other) => formatOrigin(other))).toEqual([
      '[origin]\nrefspec=y\n',
      `[origin]\nrefspec=r:x\noverride-commit=${checksum}\n`,
      '[origin]\nrefspec=r:x\n\n[libostree-transient]\npinned=true\n',
    ]);
    expect(formatOrigin(origin)).toBe('[origin]\nrefspec=r:x\n');
  });

  it('forgets an override and an unconfigured state with the refspec they belong to', () => {
    const origin = parseOrigin(`[origin]\nbaserefspec=r:x\noverride-commit=${checksum}\nunconfigured-state=no\n`);
    expect(formatOrigin(withRefspec(origin, 'r:y'))).toBe('[origin]\nrefspec=r:y\n');
  });

  it('follows its refspec again once the override is lifted', () => {
    const origin = withOverrideCommit(parseOrigin('[origin]\nrefspec=r:x\n'), checksum);
    expect(formatOrigin(withOverrideCommit(origin, undefined))).toBe('[origin]\nrefspec=r:x\n');
  });

  it('leaves pinned and unlocked behind for the next deployment, nothing else', () => {
    const text =
      '[origin]\nrefspec=r:x\nunlocked=hotfix\nkeep=1\n[libostree-transient]\npinned=true\nmore=1\n[z]\nk=1\n';
    expect(formatOrigin(withoutTransient(parseOrigin(text)))).toBe('[origin]\nrefspec=r:x\nkeep=1\n[z]\nk=1\n');
  });

  it('keeps other transient keys when the pin is lifted', () => {
    const origin = parseOrigin('[libostree-transient]\npinned=true\nmore=1\n');
    expect(formatOrigin(withPinned(origin, false))).toBe('[libostree-transient]\nmore=1\n');
    expect(formatOrigin(withPinned(parseOrigin('[libostree-transient]\npinned=true\n'), false))).toBe('');
  });

  it('is refused with file and line when it is no keyfile', () => {
    expect(() => parseOrigin('[origin]\nrefspec\n', 'x.origin')).toThrow(/^x\.origin:2: /);
  });
});
