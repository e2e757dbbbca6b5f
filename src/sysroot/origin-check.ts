import { AtomicError } from '../base/index.ts';
import type { Origin } from '../format/index.ts';

/**
 * Throws `UnsupportedOrigin`, naming the keys, if the origin asks for something a new deployment made by us would lack:
 * layered packages, overrides, a local initramfs, a container image. Unknown keys are no obstacle: they are carried along.
 */
export function checkOriginSupported(origin: Origin): void {
  const [first] = origin.unsupported;
  if (first === undefined) return;
  const keys = origin.unsupported.join(', ');
  throw new AtomicError('UnsupportedOrigin', `The origin asks for what is not supported: ${keys}`, {
    hint: `Go on with the tool that made this request, or remove it from the origin (${first}).`,
    facts: { keys },
  });
}
