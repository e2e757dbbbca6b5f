import { AtomicError } from '../base/index.ts';
import { parseKeyfile } from '../format/index.ts';
import type { Dir } from '../platform/index.ts';

const prepareRootConfig = 'usr/lib/ostree/prepare-root.conf';

/** The file has a few lines; a limit keeps a damaged one from filling memory. */
const maxConfigBytes = 1024 * 1024;

/** With these values the initramfs refuses to boot a deployment that has no composefs image; with `maybe` it does not. */
const demanding = new Set(['yes', 'true', '1', 'verity', 'signed']);

/**
 * Throws `NotSupported`, naming the setting, for a tree whose initramfs would not boot what we make of it: one that demands
 * composefs. OSTree: ostree-prepare-root configuration.
 */
export function requireSupportedTree(deployment: Dir): void {
  const text = deployment.readText(prepareRootConfig, maxConfigBytes);
  const enabled = text === undefined ? undefined : parseKeyfile(text, prepareRootConfig).get('composefs', 'enabled');
  if (enabled === undefined || !demanding.has(enabled.trim())) return;
  throw new AtomicError(
    'NotSupported',
    `The tree demands composefs (enabled=${enabled.trim()} in ${prepareRootConfig})`,
    {
      hint: 'Build the tree with composefs off, or with enabled=maybe.',
      facts: { setting: 'composefs.enabled' },
    },
  );
}
