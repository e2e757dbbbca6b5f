import { expect, it } from 'vitest';
import { WorkQueue } from '../../../src/remote/work-queue.ts';

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

interface Trial {
  readonly queue: WorkQueue<string>;
  readonly done: string[];
  readonly most: { running: number };
}

/** A queue that notes what it ran; the item `bad` fails. */
function makeQueue(maxRunning: number, mayStart: () => boolean = () => true): Trial {
  const done: string[] = [];
  const most = { running: 0 };
  const queue: WorkQueue<string> = new WorkQueue<string>({
    maxRunning,
    mayStart,
    run: async (item) => {
      most.running = Math.max(most.running, queue.running);
      await turn();
      if (item === 'bad') throw new Error('bad item');
      done.push(item);
    },
    onFailure: () => done.push('failure'),
  });
  return { queue, done, most };
}

it('runs urgent items before the others, each class in order', async () => {
  const { queue, done } = makeQueue(1);
  for (const item of ['a', 'b']) queue.push(item, false);
  for (const item of ['c', 'd']) queue.push(item, true);
  await queue.drain();
  expect(done).toEqual(['a', 'c', 'd', 'b']);
});

it('runs as many at once as it may and no more', async () => {
  const { queue, done, most } = makeQueue(3);
  for (let index = 0; index < 5000; index++) queue.push(String(index), false);
  await queue.drain();
  expect({ done: done.length, most: most.running, waiting: queue.waiting }).toEqual({
    done: 5000,
    most: 3,
    waiting: 0,
  });
});

it('is drained when there is nothing to do', async () => {
  expect(await makeQueue(1).queue.drain()).toBeUndefined();
});

it('starts nothing more after a failure and tells the first one', async () => {
  const { queue, done } = makeQueue(2);
  for (const item of ['a', 'bad', 'bad', 'late']) queue.push(item, false);
  await expect(queue.drain()).rejects.toThrow('bad item');
  expect(done).toEqual(['a', 'failure']);
});

it('waits while it may not start, and goes on when it is told', async () => {
  const gate = { open: false };
  const { queue, done } = makeQueue(2, () => gate.open);
  queue.push('a', false);
  const drained = queue.drain();
  await turn();
  expect(done).toEqual([]);
  gate.open = true;
  queue.kick();
  await drained;
  expect(done).toEqual(['a']);
});

it('fails from outside even while it waits', async () => {
  const { queue } = makeQueue(2, () => false);
  queue.push('a', false);
  const drained = queue.drain();
  queue.fail(new Error('the disk is full'));
  await expect(drained).rejects.toThrow('the disk is full');
});
