import { assert, defined } from '../base/index.ts';
import type { BootSlot, BootState, BootVersion } from './boot-state.ts';
import { assignBootLinks, type BootLink, type BootTarget } from './boot-target.ts';
import { renderEntry, type EntryFile } from './render-entry.ts';

/** The list on disk is the list wanted. */
export interface NoSwap {
  readonly kind: 'none';
}

/** The entries stay as they are; only what their `ostree=` arguments lead to changes: one symbolic link is replaced. */
export interface SubBootSwap {
  readonly kind: 'subboot';
  readonly bootVersion: BootVersion;
  readonly subBootVersion: 0 | 1;
  readonly links: readonly BootLink[];
}

/** The other slot is written from the ground and `boot/loader` is turned to it. */
export interface FullSwap {
  readonly kind: 'full';
  readonly bootVersion: BootVersion;
  readonly subBootVersion: 0 | 1;
  readonly links: readonly BootLink[];
  readonly entries: readonly EntryFile[];
}

/** What has to be done so that the next boot sees the wanted list. */
export type SwapPlan = NoSwap | SubBootSwap | FullSwap;

/**
 * Decides how the boot configuration gets from `current` (the targets its entries name, in order) to `wanted`; pure.
 * A full swap is needed if the number of deployments differs or, at some position, boot checksum, initrds, kernel arguments,
 * version or stateroot do; otherwise the entries can stay. An unreadable entry also asks for a full swap.
 */
export function planSwap(state: BootState, current: readonly BootTarget[], wanted: readonly BootTarget[]): SwapPlan {
  assert(wanted.length > 0, 'a boot configuration names at least one deployment');
  const links = assignBootLinks(wanted);
  const { bootVersion, subBootVersion } = state.current;
  if (needsFullSwap(state.current, current, wanted)) return planFullSwap(state.other, wanted, links);
  if (wanted.every((target, index) => target.name === current[index]?.name)) return { kind: 'none' };
  return { kind: 'subboot', bootVersion, subBootVersion: flip(subBootVersion), links };
}

/** The other one of two. */
export function flip(version: 0 | 1): 0 | 1 {
  return version === 0 ? 1 : 0;
}

function needsFullSwap(slot: BootSlot, current: readonly BootTarget[], wanted: readonly BootTarget[]): boolean {
  if (slot.broken.length > 0 || current.length !== wanted.length) return true;
  return wanted.some((target, index) => !sameEntry(target, defined(current[index], 'lists have equal length')));
}

function sameEntry(a: BootTarget, b: BootTarget): boolean {
  return (
    a.bootChecksum === b.bootChecksum &&
    a.stateroot === b.stateroot &&
    a.version === b.version &&
    sameList(a.kargs, b.kargs) &&
    sameList(a.kernel.initrds, b.kernel.initrds)
  );
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

function planFullSwap(other: BootSlot, wanted: readonly BootTarget[], links: readonly BootLink[]): FullSwap {
  const severalStateroots = new Set(wanted.map(({ stateroot }) => stateroot)).size > 1;
  const { bootVersion } = other;
  const entries = wanted.map((target, index) =>
    renderEntry(target, {
      index,
      total: wanted.length,
      bootVersion,
      link: defined(links[index], 'every target has a link'),
      severalStateroots,
    }),
  );
  return { kind: 'full', bootVersion, subBootVersion: flip(other.subBootVersion), links, entries };
}
