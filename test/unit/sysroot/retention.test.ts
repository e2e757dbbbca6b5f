import { describe, expect, it } from 'vitest';
import { planCleanup, planRetention, planUndeploy, rollbackOrder } from '../../../src/sysroot/index.ts';

interface Row {
  readonly id: string;
  readonly stateroot: string;
  readonly booted: boolean;
  readonly staged: boolean;
  readonly pinned: boolean;
}

/** `A*` is booted, `A^` staged, `A!` pinned, `A/x` of stateroot x. */
function list(text: string): { deployments: readonly Row[] } {
  const deployments = text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => ({
      id: word.slice(0, 1),
      stateroot: /\/(\w+)/.exec(word)?.[1] ?? 'os',
      booted: word.includes('*'),
      staged: word.includes('^'),
      pinned: word.includes('!'),
    }));
  return { deployments };
}

const names = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id).join('');

describe('planRetention', () => {
  const rows = [
    ['keeps the booted one and drops the rollback', 'A* B', 'NA'],
    ['drops an older pending one', 'P A* B', 'NA'],
    ['supersedes a staged one', 'S^ A* B', 'NA'],
    ['keeps pinned ones', 'A* B! C', 'NAB'],
    ['keeps other stateroots', 'A* B/other C', 'NAB'],
    ['keeps the order of what stays', 'P! A* B! C/other D', 'NPABC'],
    ['keeps nothing of an offline sysroot but the merge deployment', 'M B', 'NM'],
    ['starts an empty list', '', 'N'],
  ] as const;
  it.each(rows)('%s', (_what, existing, expected) => {
    const before = list(existing);
    const merge = before.deployments.find(({ id, booted }) => booted || id === 'M');
    expect(names(planRetention(before, { id: 'N', stateroot: 'os', merge }))).toBe(expected);
  });
});

describe('rollbackOrder', () => {
  const rows = [
    ['puts the first after the booted one first', 'A* B', 'BA'],
    ['undoes a rollback', 'B A*', 'AB'],
    ['prefers the one after the booted one to a pending one', 'P A* B', 'BPA'],
    ['keeps all others', 'A* B C D', 'BACD'],
    ['skips other stateroots', 'A* X/other B', 'BAX'],
    ['puts index 1 first where nothing is booted', 'A B C', 'BAC'],
  ] as const;
  it.each(rows)('%s', (_what, before, after) => {
    expect(names(rollbackOrder(list(before)))).toBe(after);
  });

  it('twice is where it began', () => {
    const once = rollbackOrder(list('A* B'));
    expect(names(rollbackOrder({ deployments: once }))).toBe('AB');
  });

  it.each(['A*', 'A', '', 'A* X/other'])('says that there is no rollback in "%s"', (before) => {
    expect(() => rollbackOrder(list(before))).toThrow(expect.objectContaining({ code: 'NoRollback' }) as Error);
  });

  it('is refused while an update is staged', () => {
    expect(() => rollbackOrder(list('S^ A* B'))).toThrow('Staged deployment (remove with cleanup -p)');
  });
});

describe('planCleanup', () => {
  const rows = [
    ['pending: those before the booted one, staged too', 'S^ P A* B', { pending: true }, 'AB'],
    ['rollback: those after it', 'P A* B C', { rollback: true }, 'PA'],
    ['both', 'P A* B', { pending: true, rollback: true }, 'A'],
    ['neither', 'P A* B', {}, 'PAB'],
    ['pinned ones and other stateroots stay', 'P! Q/x A* B! C/x', { pending: true, rollback: true }, 'PQABC'],
    ['another stateroot when named', 'A* B C/x', { rollback: true, stateroot: 'x' }, 'AB'],
    ['offline everything is pending', 'A B/x C!', { pending: true }, 'BC'],
    ['offline nothing is a rollback', 'A B', { rollback: true }, 'AB'],
  ] as const;
  it.each(rows)('removes %s', (_what, before, choice, after) => {
    expect(names(planCleanup(list(before), choice))).toBe(after);
  });
});

describe('planUndeploy', () => {
  it('removes the one at the index, pinned or not', () => {
    expect(names(planUndeploy(list('A* B! C'), 1))).toBe('AC');
  });

  it.each([0, 3, -1])('refuses index %i of a list of three whose first is booted', (index) => {
    expect(() => planUndeploy(list('A* B C'), index)).toThrow(
      expect.objectContaining({ code: 'InvalidArgument' }) as Error,
    );
  });
});
