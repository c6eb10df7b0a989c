import type { PayoutSchedule } from '#protocol';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** Milliseconds after midnight of a time of day, as 09:30. */
const inDay = (at: string): number => (Number(at.slice(0, 2)) * 60 + Number(at.slice(3))) * minuteMs;

/** The first moment of a schedule after another, in Unix milliseconds. Days, weeks and months are those of UTC. */
export function nextRun(schedule: PayoutSchedule, afterMs: number): number {
  switch (schedule.kind) {
    case 'interval':
      return afterMs + schedule.minutes * minuteMs;
    case 'daily':
      return upcoming(afterMs, dayMs, inDay(schedule.at));
    case 'weekly':
      // The first of January 1970 was a Thursday, the fourth day.
      return upcoming(afterMs, 7 * dayMs, (schedule.weekday - 4) * dayMs + inDay(schedule.at));
    case 'monthly': {
      const day = new Date(afterMs);
      const inMonth = (month: number): number => Date.UTC(day.getUTCFullYear(), month, schedule.day) + inDay(schedule.at);
      const month = day.getUTCMonth();
      return inMonth(month) > afterMs ? inMonth(month) : inMonth(month + 1);
    }
  }
}

/** The first moment after another that is `offsetMs` into a period. */
const upcoming = (afterMs: number, periodMs: number, offsetMs: number): number => (Math.floor((afterMs - offsetMs) / periodMs) + 1) * periodMs + offsetMs;
