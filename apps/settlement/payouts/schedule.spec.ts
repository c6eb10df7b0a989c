import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { payoutSchedule } from '#protocol';
import type { PayoutSchedule } from '#protocol';
import { nextRun } from './schedule.js';

const next = (schedule: PayoutSchedule, after: string): string => new Date(nextRun(schedule, Date.parse(after))).toISOString();

describe('the schedule of an organisation', () => {
  it.each<[PayoutSchedule, string, string]>([
    [{ kind: 'interval', minutes: 90 }, '2026-11-26T10:00:00.000Z', '2026-11-26T11:30:00.000Z'],
    [{ kind: 'daily', at: '09:30' }, '2026-11-26T09:29:59.999Z', '2026-11-26T09:30:00.000Z'],
    [{ kind: 'daily', at: '09:30' }, '2026-11-26T09:30:00.000Z', '2026-11-27T09:30:00.000Z'],
    [{ kind: 'weekly', weekday: 1, at: '00:00' }, '2026-11-26T12:00:00.000Z', '2026-11-30T00:00:00.000Z'],
    [{ kind: 'weekly', weekday: 4, at: '23:59' }, '2026-11-26T12:00:00.000Z', '2026-11-26T23:59:00.000Z'],
    [{ kind: 'weekly', weekday: 7, at: '06:00' }, '2026-11-29T06:00:00.000Z', '2026-12-06T06:00:00.000Z'],
    [{ kind: 'monthly', day: 28, at: '06:00' }, '2026-02-28T06:00:00.000Z', '2026-03-28T06:00:00.000Z'],
    [{ kind: 'monthly', day: 1, at: '00:00' }, '2026-12-31T23:59:59.000Z', '2027-01-01T00:00:00.000Z'],
  ])('%j after %s is %s', (schedule, after, expected) => {
    expect(next(schedule, after)).toBe(expected);
  });

  it('comes after every moment, at the time of day that was asked for, and within its period', () => {
    const at = fc.tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 })).map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`);
    const schedules = fc.oneof(
      fc.record({ kind: fc.constant('daily' as const), at }),
      fc.record({ kind: fc.constant('weekly' as const), weekday: fc.integer({ min: 1, max: 7 }), at }),
      fc.record({ kind: fc.constant('monthly' as const), day: fc.integer({ min: 1, max: 28 }), at }),
    );
    fc.assert(
      fc.property(schedules, fc.integer({ min: 0, max: 4_000_000_000_000 }), (schedule, afterMs) => {
        const found = nextRun(payoutSchedule.parse(schedule), afterMs);
        const date = new Date(found);
        expect(found > afterMs && found - afterMs <= (schedule.kind === 'daily' ? 1 : schedule.kind === 'weekly' ? 7 : 31) * 86_400_000).toBe(true);
        expect(date.toISOString().slice(11)).toBe(`${schedule.at}:00.000Z`);
        if (schedule.kind === 'weekly') expect(date.getUTCDay()).toBe(schedule.weekday % 7);
        if (schedule.kind === 'monthly') expect(date.getUTCDate()).toBe(schedule.day);
      }),
    );
  });
});
