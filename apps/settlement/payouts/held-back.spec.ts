import { describe, expect, it } from '@jest/globals';
import type { HeldBack } from '#protocol';
import { heldBackMax, mostHeldBack } from './held-back.js';

const owed = (nanos: number): HeldBack => ({ payee: `0x${nanos.toString(16).padStart(40, '0')}`, owedNanos: BigInt(nanos), reasons: [{ kind: 'minimum', detail: 'less than 1 dollars' }] });

describe('payees who are held back', () => {
  it('are named up to a bound, those who are owed most first, with the number of the others', () => {
    const { data, more } = mostHeldBack(Array.from({ length: heldBackMax + 3 }, (_, at) => owed(at)));
    expect([data.length, more, data[0]!.owedNanos, data.at(-1)!.owedNanos]).toEqual([heldBackMax, 3, BigInt(heldBackMax + 2), 3n]);
    expect(mostHeldBack([owed(1), owed(7)])).toEqual({ data: [owed(7), owed(1)], more: 0 });
  });
});
