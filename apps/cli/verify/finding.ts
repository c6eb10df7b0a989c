import type { Sources } from './sources.js';

/** Something that is not as it must be. */
export interface Problem {
  /** The same thing at the next look has the same key. */
  readonly key: string;
  readonly message: string;
  /** Facts on their way between services look like this for a moment; only what stays is a breach. */
  readonly passing: boolean;
}

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

/** Certain at the first look: no message on its way explains it. */
export const broken = (key: string, message: string): Problem => ({ key, message, passing: false });
/** A breach only if it stays. */
export const unsettled = (key: string, message: string): Problem => ({ key, message, passing: true });

/** `3 charges`, `1 charge`. */
export const counted = (count: number | bigint, noun: string): string => `${count} ${noun}${count === 1 || count === 1n ? '' : 's'}`;
