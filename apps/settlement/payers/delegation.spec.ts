import { describe, expect, it } from '@jest/globals';
import type { HeldBack } from '#protocol';
import { beyondMandate, mandateOf, nobodyWithin, waitMsOf, refusalOf, requireInterval } from './delegation.js';
import type { DelegationAt } from './delegation.js';

const who = { payer: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8', delegate: '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC' };
const payee = '0x90F79bf6EB2c4f870365E785982E1f101E93b906';
const limits = { epochCap: 100n, minInterval: 60n, nextCap: 0n, nextMinInterval: 0n, nextAt: 0n, lastAt: 1_000n };

/** At a final block of second 1 100, with payees 3 and 300 allowed, changed as the test says. */
function at(changed: { epochCap?: bigint; minInterval?: bigint; lastAt?: bigint; liveFrom?: bigint; liveUntil?: bigint; bits?: bigint; announced?: bigint; atSeconds?: bigint } = {}): DelegationAt {
  const { liveFrom = 5n, liveUntil = 2n ** 64n - 1n, bits = 1n << 3n, announced = 0n, atSeconds = 1_100n, ...of } = changed;
  const words = new Map([
    [0, { bits, announced, admissibleAt: announced === 0n ? 0n : 5_000n }],
    [1, { bits: 1n << 44n, announced: 0n, admissibleAt: 0n }],
  ]);
  return { times: { liveFrom, liveUntil }, limits: { ...limits, ...of }, words, block: 7, atSeconds };
}

const codeOf = (work: () => unknown): unknown => {
  try {
    work();
    return null;
  } catch (error) {
    return (error as { code: unknown }).code;
  }
};

describe('what a delegate may sign', () => {
  it('is the stricter of a final block and the newest one', () => {
    const sides: [DelegationAt, DelegationAt][] = [
      [at(), at({ epochCap: 40n, minInterval: 90n, bits: 0n })],
      [at({ epochCap: 40n, minInterval: 90n, bits: 0n }), at()],
    ];
    for (const [final, newest] of sides) {
      const mandate = mandateOf(who, final, newest);
      expect(mandate).toMatchObject({ ...who, unitsMax: 40n, notBefore: 1_090n });
      expect([3, 4, 300, 70_000].map((index) => mandate.allows(index))).toEqual([false, false, true, false]);
    }
  });

  it.each([
    ['does not know it', at({ liveFrom: 0n, liveUntil: 0n }), at(), `does not know ${who.delegate} as a delegate of payer ${who.payer} at block 7: the payer calls addDelegate`],
    ['has it in force later only', at({ liveFrom: 1_101n }), at(), 'from 1970-01-01T00:18:21.000Z on'],
    ['knows that it is revoked', at(), at({ liveUntil: 4_000n }), 'has revoked its delegate'],
    ['took it long ago', at({ liveUntil: 900n }), at({ liveUntil: 900n }), 'has revoked its delegate'],
  ])('is nothing while the chain %s', (_, final, newest, message) => {
    expect(() => mandateOf(who, final, newest)).toThrow(message);
    expect(codeOf(() => mandateOf(who, final, newest))).toBe('DELEGATE_UNUSABLE');
  });

  it('waits for the interval after the last one that landed, by the newest block, and never within its second', () => {
    const waits = (newest: DelegationAt): unknown => codeOf(() => requireInterval(mandateOf(who, at(), newest)));
    expect([waits(at({ atSeconds: 1_059n })), waits(at({ atSeconds: 1_060n })), waits(at({ atSeconds: 1_060n, minInterval: 61n }))]).toEqual(['DELEGATE_LIMITED', null, 'DELEGATE_LIMITED']);
    const apart = at({ minInterval: 0n, lastAt: 1_100n });
    expect(codeOf(() => requireInterval(mandateOf(who, apart, apart)))).toBe('DELEGATE_LIMITED');
    const first = at({ lastAt: 0n, minInterval: 9_999n });
    expect(codeOf(() => requireInterval(mandateOf(who, first, first)))).toBeNull();
    try {
      requireInterval(mandateOf(who, at(), at({ atSeconds: 1_059n })));
    } catch (error) {
      expect(waitMsOf(error)).toBe(1_000);
      expect(error).toMatchObject({ details: { notBeforeMs: 1_060_000 } });
    }
  });

  it('is a statement within the cap, of payees on the list', () => {
    const mandate = mandateOf(who, at(), at());
    expect(beyondMandate(100n, new Map([[payee, 3]]), mandate)).toBeNull();
    expect(beyondMandate(101n, new Map([[payee, 3]]), mandate)).toContain('credits 101 units');
    expect(beyondMandate(1n, new Map([[who.delegate, 3], [payee, 5]]), mandate)).toBe(`payer ${who.payer} does not let a delegate pay ${payee} (payee 5)`);
  });

  it('says of each payee that it may not pay what the payer is to do', () => {
    const of = (index: number | null, final = at(), newest = at()): string | null => refusalOf(who.payer, index, final, newest);
    expect([of(3), of(300)]).toEqual([null, null]);
    expect(of(5)).toContain('allowPayees(0, 0x20)');
    expect(of(257)).toContain('allowPayees(1, 0x2)');
    expect(of(5, at({ announced: 1n << 5n }), at({ announced: 1n << 5n }))).toContain(`from 1970-01-01T01:23:20.000Z on anybody may call admitPayees(${who.payer}, 0)`);
    expect(of(5, at(), at({ bits: 1n << 5n }))).toContain('not final yet');
    expect(of(null)).toContain('not registered');
  });

  it('tells nobody to pay apart from nothing to pay', () => {
    const mandate = mandateOf(who, at(), at());
    const held = (kind: 'not-allowed' | 'hold'): HeldBack => ({ payee, owedNanos: 1n, reasons: [{ kind, detail: 'why' }] });
    expect(nobodyWithin(mandate, [], [held('hold')])).toBeNull();
    expect(nobodyWithin(mandate, [payee], [held('not-allowed')])).toBeNull();
    expect(nobodyWithin(mandate, [], [held('not-allowed')])).toMatchObject({ code: 'DELEGATE_LIMITED', message: expect.stringContaining(`${payee}: why`) });
    expect(nobodyWithin(mandateOf(who, at({ epochCap: 0n }), at()), [payee], [])).toMatchObject({ code: 'DELEGATE_LIMITED', message: expect.stringContaining('setLimits') });
    expect(nobodyWithin(mandate, [], Array.from({ length: 9 }, () => held('not-allowed')))!.message).toContain('and 4 more');
  });
});
