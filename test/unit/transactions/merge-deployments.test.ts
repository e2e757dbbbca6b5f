import { describe, expect, it } from 'vitest';

import { parseChecksum } from '../../../src/base/index.ts';
import { parseOrigin } from '../../../src/format/index.ts';
import type { Deployment, DeploymentList } from '../../../src/sysroot/index.ts';
import { chooseMergeDeployments } from '../../../src/transactions/merge-deployments.ts';

function deployment(id: string, state: Partial<Deployment> = {}): Deployment {
  const [stateroot = '', letter = ''] = id.split('-');
  const checksum = parseChecksum(letter.repeat(64));
  const name = `${checksum}.0`;
  const identity = { stateroot, checksum, serial: 0, name, id, path: `ostree/deploy/${stateroot}/deploy/${name}` };
  const content = {
    origin: parseOrigin(''),
    kargs: [],
    bootChecksum: checksum,
    index: 0,
    bootSerial: 0,
    entry: undefined,
  };
  const plain = { booted: false, staged: false, pinned: false, locked: false };
  return { ...identity, ...content, ...plain, ...state };
}

function listOf(...deployments: Deployment[]): DeploymentList {
  return {
    deployments,
    booted: deployments.find(({ booted }) => booted),
    staged: deployments.find(({ staged }) => staged),
    stamp: '1',
    notes: [],
  };
}

function choose(list: DeploymentList, stateroot?: string): (string | undefined)[] {
  const chosen = chooseMergeDeployments(list, stateroot);
  return [chosen.originMerge.id, chosen.configMerge?.id];
}

describe('the deployments a new one is made from', () => {
  const booted = deployment('os-b', { booted: true });
  const staged = deployment('os-a', { staged: true });

  it.each([
    ['the booted one alone', listOf(booted), undefined, ['os-b', 'os-b']],
    ['the staged one for the origin, the booted one for /etc', listOf(staged, booted), undefined, ['os-a', 'os-b']],
    ['the pending one for the origin', listOf(deployment('os-a'), booted), undefined, ['os-a', 'os-b']],
    ['the first of an offline sysroot', listOf(deployment('os-a'), deployment('os-c')), undefined, ['os-a', 'os-a']],
    [
      'the first of another stateroot',
      listOf(booted, deployment('lab-c'), deployment('lab-d')),
      'lab',
      ['lab-c', 'lab-c'],
    ],
    [
      'never /etc of what is only staged',
      listOf(deployment('lab-a', { staged: true }), booted, deployment('lab-c')),
      'lab',
      ['lab-a', 'lab-c'],
    ],
    ['no /etc at all', listOf(deployment('lab-a', { staged: true }), booted), 'lab', ['lab-a', undefined]],
  ])('are %s', (_what, list, stateroot, expected) => {
    expect(choose(list, stateroot)).toEqual(expected);
  });

  it('are missing in an empty sysroot and in an unknown stateroot', () => {
    expect(() => choose(listOf())).toThrow(expect.objectContaining({ code: 'NoDeployment' }));
    expect(() => choose(listOf(booted), 'lab')).toThrow(
      expect.objectContaining({ code: 'StaterootNotFound', message: 'OS name "lab" not found' }),
    );
  });
});
