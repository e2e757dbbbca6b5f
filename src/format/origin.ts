import type { Checksum } from '../base/index.ts';
import { parseKeyfile, type Keyfile } from './keyfile.ts';

/** What a deployment follows, plus requests. Everything the file says is kept in `keyfile`, known or not. */
export interface Origin {
  /** Not to be changed: the `with…` functions give a changed copy. */
  readonly keyfile: Keyfile;
  /** `REMOTE:REF`, `REF` or a checksum, as written. */
  readonly refspec: string | undefined;
  /** The commit that `deploy` asked for instead of the newest; as written. */
  readonly overrideCommit: string | undefined;
  /** Why this deployment must not be upgraded, as its maker put it. */
  readonly unconfiguredState: string | undefined;
  readonly customUrl: string | undefined;
  readonly customDescription: string | undefined;
  readonly pinned: boolean;
  /** `hotfix` and the like; undefined = locked. */
  readonly unlocked: string | undefined;
  /** Requests that nobody here can honour, as `group.key`; an upgrade that ignored them would lose them. */
  readonly unsupported: readonly string[];
}

const transientGroup = 'libostree-transient';
/** Groups whose every key asks for something on top of the commit. */
const requestGroups = ['packages', 'modules', 'overrides', 'rpmostree'] as const;

/** The origin that the text of a `.origin` file describes; `InvalidFormat` naming `source` and line otherwise. */
export function parseOrigin(text: string, source = 'origin'): Origin {
  return readOrigin(parseKeyfile(text, source));
}

/** The text of the `.origin` file: unknown groups, keys and comments as they came in. */
export function formatOrigin(origin: Origin): string {
  return origin.keyfile.toString();
}

/** A copy that follows another refspec. An override of the commit and an unconfigured state end with the old one. */
export function withRefspec(origin: Origin, refspec: string): Origin {
  return changed(origin, (keyfile) => {
    for (const key of ['baserefspec', 'override-commit', 'unconfigured-state']) keyfile.remove('origin', key);
    keyfile.set('origin', 'refspec', refspec);
  });
}

/** A copy that stays on one commit; with undefined, one that follows its refspec again. */
export function withOverrideCommit(origin: Origin, checksum: Checksum | undefined): Origin {
  return changed(origin, (keyfile) => {
    if (checksum === undefined) keyfile.remove('origin', 'override-commit');
    else keyfile.set('origin', 'override-commit', checksum);
  });
}

/** A copy that is pinned or not. */
export function withPinned(origin: Origin, pinned: boolean): Origin {
  return changed(origin, (keyfile) => {
    if (pinned) {
      keyfile.set(transientGroup, 'pinned', true);
      return;
    }
    keyfile.remove(transientGroup, 'pinned');
    if (keyfile.keys(transientGroup).length === 0) keyfile.removeGroup(transientGroup);
  });
}

/** A copy for the next deployment: without what was true of this one only (pinned, unlocked). */
export function withoutTransient(origin: Origin): Origin {
  return changed(origin, (keyfile) => {
    keyfile.removeGroup(transientGroup);
    keyfile.remove('origin', 'unlocked');
  });
}

function changed(origin: Origin, change: (keyfile: Keyfile) => void): Origin {
  const keyfile = origin.keyfile.clone();
  change(keyfile);
  return readOrigin(keyfile);
}

function readOrigin(keyfile: Keyfile): Origin {
  return {
    keyfile,
    refspec: keyfile.get('origin', 'refspec') ?? keyfile.get('origin', 'baserefspec'),
    overrideCommit: keyfile.get('origin', 'override-commit'),
    unconfiguredState: keyfile.get('origin', 'unconfigured-state'),
    customUrl: keyfile.get('origin', 'custom-url'),
    customDescription: keyfile.get('origin', 'custom-description'),
    pinned: keyfile.getBoolean(transientGroup, 'pinned') ?? false,
    unlocked: keyfile.get('origin', 'unlocked'),
    unsupported: findUnsupported(keyfile),
  };
}

function findUnsupported(keyfile: Keyfile): readonly string[] {
  const container = keyfile.keys('origin').filter((key) => key.startsWith('container-'));
  const requests = requestGroups.flatMap((group) =>
    keyfile.keys(group).flatMap((key) => (asksForNothing(keyfile.getRaw(group, key)) ? [] : [`${group}.${key}`])),
  );
  return [...container.map((key) => `origin.${key}`), ...requests];
}

/** An empty list and a switch that is off are left behind when a request is withdrawn. */
function asksForNothing(raw: string | undefined): boolean {
  return raw === undefined || /^[;\s]*$/.test(raw) || raw.trimEnd() === 'false';
}
