import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { lawNames, retentionDays, retentionLaws, type LegalHold } from '#protocol';
import { holdsPerson, holdsTime } from './holds.js';

const hold = (more: Partial<LegalHold>): LegalHold => ({ id: '', tenant: '', reason: '', reference: null, person: null, fromMs: null, untilMs: null, placedAtMs: 0, releasedAtMs: null, ...more });
const week = { fromMs: 100, untilMs: 200 };
const nobody = () => undefined;

describe('a legal hold', () => {
  it('of everything holds everything', () => {
    expect([holdsTime(hold({}), week, nobody), holdsPerson(hold({}), 'p', week)]).toEqual([true, true]);
  });

  it('of a time holds what may have been recorded in it, to the millisecond', () => {
    const of = (fromMs: number | null, untilMs: number | null): boolean => holdsTime(hold({ fromMs, untilMs }), week, nobody);
    expect([of(200, null), of(201, null), of(null, 100), of(null, 99), of(120, 130), of(0, 1_000)]).toEqual([true, false, true, false, true, true]);
  });

  it('of a person holds their own erasure alone, and everything that was sealed since their key was made', () => {
    const one = hold({ person: 'p' });
    expect([holdsPerson(one, 'p', week), holdsPerson(one, 'q', week)]).toEqual([true, false]);
    expect([holdsTime(one, week, () => 200), holdsTime(one, week, () => 201), holdsTime(one, week, nobody)]).toEqual([true, false, false]);
  });
});

describe('a period of retention', () => {
  it('is the longest of the laws and the organisation’s own; without any there is none', () => {
    expect([retentionDays({ laws: [], days: null }), retentionDays({ laws: ['eu.ai-act'], days: null }), retentionDays({ laws: ['eu.ai-act', 'us.hipaa'], days: 400 })]).toEqual([null, 184, 2196]);
    fc.assert(
      fc.property(fc.subarray(lawNames as readonly (typeof lawNames)[number][] as (typeof lawNames)[number][]), fc.option(fc.integer({ min: 1, max: 9_999 })), (laws, days) => {
        const longest = retentionDays({ laws, days });
        for (const law of laws) expect(longest).toBeGreaterThanOrEqual(retentionLaws[law].days);
        if (days !== null) expect(longest).toBeGreaterThanOrEqual(days);
      }),
    );
  });
});
