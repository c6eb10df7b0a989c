import type { Problem } from './problem.js';
import type { Sources } from './sources.js';

export interface Finding {
  readonly problems: readonly Problem[];
  /** What was looked at, for when all is well. */
  readonly looked: string;
}

/** One of the five things that hold whatever happens. */
export interface Invariant {
  readonly name: string;
  /** Throws when it cannot look. */
  check(sources: Sources): Promise<Finding>;
}

export interface InvariantResult {
  readonly name: string;
  readonly holds: boolean;
  readonly detail: string;
}

/** `3 charges`, `1 charge`. */
export const counted = (count: number | bigint, noun: string): string => `${count} ${noun}${count === 1 || count === 1n ? '' : 's'}`;
