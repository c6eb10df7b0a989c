import { describe, expect, it } from '@jest/globals';
import { SystemClock } from '#kernel';
import { checkInvariants } from './check-invariants.js';
import { broken, unsettled } from './problem.js';
import type { Problem } from './problem.js';
import type { Sources } from './sources.js';

const sources = { clock: new SystemClock() } as unknown as Sources;

/** Looks at an invariant that finds these problems, one after the other; the last again and again. */
async function outcome(looks: readonly (readonly Problem[])[], patienceMs: number) {
  let count = 0;
  const check = () => Promise.resolve({ problems: looks[Math.min(count++, looks.length - 1)]!, looked: 'all of it' });
  const [result] = await checkInvariants(sources, patienceMs, [{ name: 'x', check }]);
  return { ...result!, count };
}

describe('checking invariants', () => {
  it('says what was looked at when nothing is wrong', async () => {
    expect(await outcome([[]], 1_000)).toEqual({ name: 'x', holds: true, detail: 'all of it', count: 1 });
  });

  it('does not wait for what no message can repair', async () => {
    expect(await outcome([[unsettled('a', 'late'), broken('b', 'a row was changed')]], 60_000)).toEqual({ name: 'x', holds: false, detail: 'a row was changed', count: 1 });
  });

  it('waits for facts that are on their way', async () => {
    expect(await outcome([[unsettled('a', 'late')], []], 2_000)).toMatchObject({ holds: true, detail: 'all of it', count: 2 });
  });

  it('calls it a breach when the same thing stays', async () => {
    expect(await outcome([[unsettled('a', 'charge a has no record')]], 600)).toMatchObject({ holds: false, detail: 'charge a has no record' });
  });

  it('does not take steady traffic for a breach', async () => {
    const looks = Array.from({ length: 50 }, (_, look) => [unsettled(`job ${look}`, `job ${look} is late`)]);
    expect(await outcome(looks, 1_200)).toMatchObject({ holds: true, detail: 'all of it; 1 on their way' });
  });

  it('names three problems and counts the rest', async () => {
    const problems = ['a', 'b', 'c', 'd', 'e'].map((key) => broken(key, key));
    expect((await outcome([problems], 0)).detail).toBe('a; b; c; and 2 more');
  });

  it('is broken, not skipped, when it cannot be looked at; the others are still looked at', async () => {
    const results = await checkInvariants(sources, 0, [
      { name: 'down', check: () => Promise.reject(new Error('connection refused')) },
      { name: 'up', check: () => Promise.resolve({ problems: [], looked: 'fine' }) },
    ]);
    expect(results).toEqual([
      { name: 'down', holds: false, detail: 'could not be checked: connection refused' },
      { name: 'up', holds: true, detail: 'fine' },
    ]);
  });
});
