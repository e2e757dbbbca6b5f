import { describe, expect, it } from 'vitest';
import { decodeOptions, transactionTitle } from '../../../src/agent/deploy-options.ts';
import { wireVariant, type WireVariant } from '../../../src/ipc/index.ts';

const decode = (entries: Readonly<Record<string, WireVariant>>) => decodeOptions(new Map(Object.entries(entries)));
const yes = wireVariant('b', true);

describe('the options of a call', () => {
  it('are decoded by name', () => {
    const options = { reboot: yes, 'allow-downgrade': yes, 'initiating-command-line': wireVariant('s', 'upgrade') };
    expect(decode(options)).toMatchObject({ reboot: true, allowDowngrade: true, commandLine: 'upgrade' });
    expect(decode({})).toMatchObject({ reboot: false, allowDowngrade: undefined, cacheOnly: false });
  });

  it('that cannot matter without package layers are accepted', () => {
    expect(() => decode({ 'no-layering': yes, 'no-overrides': yes, 'idempotent-layering': yes })).not.toThrow();
  });

  it('that ask for what is not built are refused by name, and not when they ask for nothing', () => {
    expect(() => decode({ 'lock-finalization': yes })).toThrow('The option lock-finalization is not supported');
    expect(() => decode({ 'lock-finalization': wireVariant('b', false) })).not.toThrow();
  });

  it('that are unknown or of a wrong type are refused by name', () => {
    expect(() => decode({ nix: yes })).toThrow('Unknown option "nix"');
    expect(() => decodeOptions(new Map([['__proto__', yes]]))).toThrow('Unknown option "__proto__"');
    expect(() => decode({ reboot: wireVariant('s', 'yes') })).toThrow('The option reboot has the type b, not s');
  });
});

describe('the title', () => {
  it.each([
    [{ 'initiating-command-line': wireVariant('s', 'upgrade --reboot') }, false, 'upgrade --reboot'],
    [
      { 'initiating-command-line': wireVariant('s', 'upgrade --trigger-automatic-update-policy') },
      true,
      'automatic (check)',
    ],
    [{}, false, 'upgrade'],
    [{}, true, 'upgrade (check only)'],
    [{ 'cache-only': yes }, false, 'upgrade (cache only)'],
    [{ 'download-only': yes }, false, 'upgrade (download only)'],
  ])('of %o is made of command line or verb', (entries, checkOnly, title) => {
    expect(transactionTitle('upgrade', decode(entries as Readonly<Record<string, WireVariant>>), checkOnly)).toBe(
      title,
    );
  });
});
