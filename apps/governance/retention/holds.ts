import type { LegalHold } from '#protocol';

/** A stretch of time, both ends included. */
export interface Stretch {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Whether a hold keeps a person's records of that time from being erased: one of everything, or of this person. */
export const holdsPerson = (hold: LegalHold, person: string, time: Stretch): boolean => (hold.person === null || hold.person === person) && overlaps(hold, time);

/**
 * Whether a hold keeps the records of that time from being deleted. In which of them a person is, only their bodies say: a hold of one person keeps all that was
 * sealed since their key was made. `keyMadeAtMs` is undefined when there is no such key, and so nothing to be held.
 */
export function holdsTime(hold: LegalHold, time: Stretch, keyMadeAtMs: (person: string) => number | undefined): boolean {
  if (!overlaps(hold, time)) return false;
  if (hold.person === null) return true;
  const sinceMs = keyMadeAtMs(hold.person);
  return sinceMs !== undefined && time.untilMs >= sinceMs;
}

const overlaps = ({ fromMs, untilMs }: LegalHold, time: Stretch): boolean => (fromMs ?? 0) <= time.untilMs && (untilMs ?? Infinity) >= time.fromMs;
