import type { LiveHold } from '#protocol';

/** A content that somebody deleted, or whose time is over. */
export interface HiddenContent {
  readonly id: string;
  readonly createdAtMs: number;
  readonly deletedAtMs: number;
  /** Whom it is declared to be about; empty: nobody said. */
  readonly persons: readonly string[];
  /** Whether the log has it that a hold keeps it. */
  readonly isToldHeld: boolean;
}

/**
 * The hold that keeps a content, if one does: it was there in the time of the hold, and it may be about the person of the hold. Whom a content is about that
 * names nobody, only the content says: a hold of one person keeps it.
 */
export const holdOf = (holds: readonly LiveHold[], { createdAtMs, deletedAtMs, persons }: HiddenContent): LiveHold | undefined =>
  holds.find(({ person, fromMs, untilMs }) => (fromMs ?? 0) <= deletedAtMs && (untilMs ?? Infinity) >= createdAtMs && (person === null || persons.length === 0 || persons.includes(person)));
