import { describe, expect, it } from '@jest/globals';
import { FetchSlots } from './fetch-slots.js';

const open = new AbortController().signal;

describe('slots for fetching', () => {
  /** Begins work that ends when it is told to. */
  function begin(slots: FetchSlots, tenant: string, name: string, begun: string[], signal = open): { end: () => void; done: Promise<void> } {
    let end!: () => void;
    const ended = new Promise<void>((resolve) => (end = resolve));
    return { end, done: slots.within(tenant, signal, () => (begun.push(name), ended)) };
  }
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('are few for each organisation and not many for all; who must wait holds up nobody else, and order is kept', async () => {
    const begun: string[] = [];
    const slots = new FetchSlots(3, 2, 10);
    const work = [['a', 'a1'], ['a', 'a2'], ['a', 'a3'], ['b', 'b1'], ['b', 'b2'], ['a', 'a4']].map(([tenant, name]) => begin(slots, tenant!, name!, begun));
    await settle();
    expect(begun).toEqual(['a1', 'a2', 'b1']);
    work[3]!.end();
    await work[3]!.done;
    await settle();
    expect(begun).toEqual(['a1', 'a2', 'b1', 'b2']);
    work[0]!.end();
    await work[0]!.done;
    await settle();
    expect(begun).toEqual(['a1', 'a2', 'b1', 'b2', 'a3']);
    for (const { end } of work) end();
    await Promise.all(work.map(({ done }) => done));
    expect(begun.at(-1)).toBe('a4');
  });

  it('are given back by what fails, and left by who goes away while waiting', async () => {
    const begun: string[] = [];
    const slots = new FetchSlots(1, 1, 10);
    const first = begin(slots, 'a', 'first', begun);
    await settle();
    const leaving = new AbortController();
    const gone = begin(slots, 'a', 'gone', begun, leaving.signal);
    leaving.abort(new Error('went away'));
    await expect(gone.done).rejects.toThrow('went away');
    await expect(begin(slots, 'a', 'late', begun, leaving.signal).done).rejects.toThrow('went away');
    first.end();
    await first.done;
    await expect(slots.within('a', open, () => Promise.reject(new Error('unreachable')))).rejects.toThrow('unreachable');
    await slots.within('a', open, async () => void begun.push('last'));
    expect(begun).toEqual(['first', 'last']);
  });

  it('are waited for by so many and no more', async () => {
    const begun: string[] = [];
    const slots = new FetchSlots(1, 1, 1);
    const work = [begin(slots, 'a', '1', begun), begin(slots, 'a', '2', begun)];
    await settle();
    await expect(begin(slots, 'b', '3', begun).done).rejects.toMatchObject({ code: 'NO_CAPACITY', details: { retryAfterMs: 1_000 } });
    for (const { end } of work) end();
    await Promise.all(work.map(({ done }) => done));
  });
});
