import { describe, expect, it } from '@jest/globals';
import type { Purchase } from './purchase.js';
import { againstSpending, setAsideMs, unansweredMax } from './spending-limits.js';

const now = Date.UTC(2026, 0, 2, 12);
const limits = { requestNanos: 50n, dayNanos: 100n, hostDayNanos: 60n };
let count = 0;
const bought = (change: Partial<Purchase>): Purchase =>
  ({ id: `${(count += 1)}`, host: 'a.example', state: 'paid', ended: 'answered', nanosMax: 40n, nanos: 40n, atMs: now, lie: null, decidedAtMs: now, ...change }) as Purchase;
const against = (purchases: Purchase[], nanos: bigint, host = 'a.example', atMs = now) => againstSpending(purchases, limits, host, nanos, atMs);

describe('what a machine may spend', () => {
  it('is counted by day and by seller, at the most that can still be taken and at what was taken', () => {
    const open = bought({ state: 'signed', ended: null, nanos: null, decidedAtMs: null });
    expect(against([open], 20n)).toBeNull();
    expect(against([open], 21n)).toMatch(/at a\.example a day/);
    const cheaper = bought({ nanos: 10n });
    expect(against([cheaper], 50n)).toBeNull();
    expect(against([cheaper], 51n)).toMatch(/at a\.example a day/);
    const others = [bought({ host: 'b.example' }), bought({ host: 'c.example' })];
    expect(against(others, 20n)).toBeNull();
    expect(against(others, 21n)).toMatch(/may be spent a day/);
  });

  it('begins anew at midnight, and what lapsed was never spent', () => {
    const yesterday = bought({ atMs: Date.UTC(2026, 0, 1, 23, 59, 59) });
    expect(against([yesterday, bought({ state: 'lapsed', nanos: 0n })], 60n)).toBeNull();
  });

  it('is nothing at a seller that took and did not give, or did not say the truth, for an hour', () => {
    for (const wrong of [bought({ ended: 'failed', atMs: now - setAsideMs }), bought({ lie: 'it said that it took 1', atMs: now - setAsideMs })]) {
      expect(against([wrong], 1n, 'a.example', now + setAsideMs - 1)).toMatch(/is set aside until 2026-01-02T13:00/);
      expect(against([wrong], 1n, 'a.example', now + setAsideMs)).toBeNull();
      expect(against([wrong], 1n, 'b.example')).toBeNull();
    }
  });

  it('is nothing at a seller that owes several answers, until it is known whether they were paid', () => {
    const unanswered = Array.from({ length: unansweredMax }, () => bought({ state: 'signed', ended: 'failed', nanosMax: 1n, nanos: null, decidedAtMs: null }));
    expect(against(unanswered.slice(1), 1n)).toBeNull();
    expect(against(unanswered, 1n)).toMatch(/3 payments to a\.example brought no answer/);
    expect(against(unanswered, 1n, 'b.example')).toBeNull();
  });
});
