import { setTimeout as pause } from 'node:timers/promises';

const pollMs = 50;

/** Waiting on is of no use. */
export class Hopeless extends Error {}

/**
 * Asks until `look` gives something, for facts that are on their way. Error: what was awaited, for how long, and what was
 * seen last: the error that `look` threw, or what it passed to `saw`. A `Hopeless` error ends the wait at once.
 */
export async function eventually<T>(what: string, look: (saw: (seen: unknown) => void) => Promise<T | undefined> | T | undefined, patienceMs = 60_000): Promise<T> {
  const until = performance.now() + patienceMs;
  let seen: unknown = 'nothing';
  for (;;) {
    try {
      const found = await look((value) => (seen = value));
      if (found !== undefined) return found;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      seen = error;
    }
    if (performance.now() > until) throw new Error(`waited ${patienceMs / 1_000} s for ${what}; seen last: ${told(seen)}`, { cause: seen });
    await pause(pollMs);
  }
}

export function told(seen: unknown): string {
  if (seen instanceof Error) return seen.message;
  return typeof seen === 'string' ? seen : (JSON.stringify(seen, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)) ?? 'undefined');
}
