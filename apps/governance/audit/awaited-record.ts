import { timeOfId } from '#kernel';

/** A record is in the log within a second of its response; a minute covers a restart of what writes it. */
const pendingMs = 60_000;

/** Whether a record id (UUIDv7) is so young that its entry may still be on its way. Says nothing about whether it exists. */
export function mayBePending(id: string, nowMs: number): boolean {
  return id[14] === '7' && Math.abs(nowMs - timeOfId(id)) < pendingMs;
}
