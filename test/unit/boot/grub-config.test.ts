import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { planSwap, renderGrubConfig, type BootTarget } from '../../../src/boot/index.ts';
import { slot, state, target } from '../../support/boot-targets.ts';

function render(...targets: readonly BootTarget[]): string {
  const plan = planSwap(state(slot(0, [])), [], targets);
  return renderGrubConfig(plan.kind === 'full' ? plan.entries : []);
}

/** GRUB's own parser; throws on a script that it would not run. */
function check(script: string): void {
  execFileSync('grub-script-check', { input: script, stdio: ['pipe', 'pipe', 'pipe'] });
}

describe('renderGrubConfig', () => {
  it('writes one menu entry for each deployment, the default first, and sets nothing', () => {
    const script = render(target('a', { version: '2' }), target('3'));
    check(script);
    expect(script.match(/^menuentry .*$/gm)).toEqual([
      "menuentry 'Test OS 2 (ostree:0)' --class gnu-linux --unrestricted --id ostree-2-testos {",
      "menuentry 'Test OS 1 (ostree:1)' --class gnu-linux --unrestricted --id ostree-1-testos {",
    ]);
    expect(script).not.toMatch(/^\s*set /m);
  });

  it('names the kernel so that it is found whether or not boot is a file system of its own', () => {
    const script = render(target('a'));
    expect(script).toMatch(
      /^ {2}linux \/boot\/ostree\/testos-b+\/vmlinuz-6\.1 root=LABEL=root quiet ostree=\/ostree\/boot\.1\//m,
    );
    expect(script).toMatch(/^ {2}initrd \/boot\/ostree\/testos-b+\/initramfs-6\.1\.img$/m);
  });

  it('writes no initrd line without an initramfs and a devicetree line with one', () => {
    const script = render(
      target('a', { kernel: { linux: '/ostree/x/vmlinuz', initrds: [], devicetree: '/ostree/x/dt' } }),
    );
    check(script);
    expect(script).not.toContain('initrd');
    expect(script).toContain('  devicetree /boot/ostree/x/dt\n');
  });

  const awkward = [
    "it's",
    'a "quoted" name',
    '$HOME and `id`',
    'a; reboot } {',
    '# not a comment',
    'back\\slash',
    'tab\tand & | < >',
    'umlaut ä',
  ];
  it.each(awkward)('quotes a title such as %s', (osName) => {
    const script = render(target('a', { osName, version: undefined }));
    check(script);
    expect(script.split('\n').filter((line) => line.startsWith('menuentry'))).toHaveLength(1);
  });

  it.each([
    "key=it's",
    'key=$x',
    'key=a;b',
    'key={x}',
    'key=#x',
    'dyndbg="file a.c +p; file b.c +p"',
    'key=\\x',
    'a&b',
    'a|b',
  ])('quotes a kernel argument such as %s', (karg) => {
    const script = render(target('a', { kargs: [karg, 'last'] }));
    check(script);
    expect(script.match(/^ {2}linux .* last ostree=/gm)).toHaveLength(1);
  });

  it('hands an argument with spaces over as one word, whose quotes GRUB puts back', () => {
    expect(render(target('a', { kargs: ['dyndbg="file a.c +p"'] }))).toContain(" 'dyndbg=file a.c +p' ");
  });

  it('is refused by the parser if quoting is taken away', () => {
    const script = render(target('a', { kargs: ["key=it's"] })).replace(String.raw`'\''`, "'");
    expect(() => check(script)).toThrow('grub-script-check');
  });
});
