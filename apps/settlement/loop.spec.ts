import { afterEach, describe, expect, it } from '@jest/globals';
import { Loop } from './loop.js';

/** Longer than any test waits: only a kick can end it. */
const forEverMs = 3_600_000;

describe('a loop', () => {
  let loop: Loop | undefined;
  afterEach(() => loop?.stop());

  /** Rounds that each end when they are told to. */
  function rounds(): { begun: number; end: () => void; work: () => Promise<void>; until: (begun: number) => Promise<void> } {
    const state = {
      begun: 0,
      end: (): void => undefined,
      work: (): Promise<void> => {
        state.begun += 1;
        return new Promise((resolve) => (state.end = resolve));
      },
      until: async (begun: number): Promise<void> => {
        while (state.begun < begun) await new Promise((resolve) => setImmediate(resolve));
      },
    };
    return state;
  }

  it('that is kicked in the middle of a round makes another one right after it, and one only', async () => {
    const seen = rounds();
    loop = new Loop('test', forEverMs, seen.work);
    loop.start();
    await seen.until(1);
    loop.kick();
    loop.kick();
    seen.end();
    await seen.until(2);
    seen.end();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen.begun).toBe(2);
    loop.kick();
    await seen.until(3);
    seen.end();
  });

  it('asks after each round how long to wait, where that changes', async () => {
    const waits = [0, 0, forEverMs];
    const seen = rounds();
    loop = new Loop('test', () => waits.shift()!, seen.work);
    loop.start();
    for (const begun of [1, 2, 3]) {
      await seen.until(begun);
      seen.end();
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([seen.begun, waits]).toEqual([3, []]);
  });

  it('ends when it is stopped, kicked or not, and begins no round after that', async () => {
    const seen = rounds();
    loop = new Loop('test', forEverMs, seen.work);
    loop.start();
    await seen.until(1);
    loop.kick();
    const stopped = loop.stop();
    seen.end();
    await stopped;
    loop.kick();
    expect(seen.begun).toBe(1);
  });
});
