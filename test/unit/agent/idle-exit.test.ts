import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { IdleExit } from '../../../src/agent/idle-exit.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function make(delayMs: number): { idle: IdleExit; state: { busy: boolean; exits: number } } {
  const state = { busy: false, exits: 0 };
  const idle = new IdleExit(
    delayMs,
    () => state.busy,
    () => {
      state.exits += 1;
    },
  );
  return { idle, state };
}

describe('an idle agent', () => {
  it('ends when nothing happened for its time, and each event begins it anew', () => {
    const { idle, state } = make(1000);
    idle.touch();
    vi.advanceTimersByTime(900);
    idle.touch();
    vi.advanceTimersByTime(900);
    expect(state.exits).toBe(0);
    vi.advanceTimersByTime(100);
    expect(state.exits).toBe(1);
  });

  it('does not end while busy, and does once it is free, even if nobody says so', () => {
    const { idle, state } = make(1000);
    idle.touch();
    state.busy = true;
    vi.advanceTimersByTime(5500);
    expect(state.exits).toBe(0);
    state.busy = false;
    vi.advanceTimersByTime(1000);
    expect(state.exits).toBe(1);
  });

  it('never ends with a time of 0, until it is given one', () => {
    const { idle, state } = make(0);
    idle.touch();
    vi.advanceTimersByTime(1_000_000);
    expect(state.exits).toBe(0);
    idle.setDelay(500);
    vi.advanceTimersByTime(500);
    expect(state.exits).toBe(1);
  });
});
