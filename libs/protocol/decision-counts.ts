import { z } from 'zod';
import { base64, sha256Hex, uuid } from './scalars.js';

/** A gateway from its start to its end numbers what it decides, from 1 on and without gaps. */
export const decisionNumber = z.object({ gateway: z.string().max(63), run: uuid, number: z.int().positive() });
export type DecisionNumber = z.output<typeof decisionNumber>;

/** Types of entries that are decisions: each has a number. */
export const decisionTypes = ['admitted', 'refused', 'reused'] as const;
export const isDecision = (type: string): boolean => (decisionTypes as readonly string[]).includes(type);

/** Decisions in one count: 4,096 ids are 88 KiB of base64. */
export const decisionsPerCountMax = 4_096;

/** How often a gateway commits to what it has decided. */
export const countIntervalMs = 10_000;
/** A gateway that decides nothing says so this often, so that its silence means something. */
export const idleCountMs = 3_600_000;
/** A decision that nobody has counted for so long is of a gateway that died: three intervals and two sends that wait to the end. */
export const uncountedMs = 60_000;
/** Silence after which a gateway is taken for dead though all that is known of it was counted. */
export const silentRunMs = 3 * idleCountMs;

/** Public fields of `decisions.counted`: what a gateway's run decided under the numbers `from` to `to`; none when `to` is `from` - 1. */
export const decisionCount = z.object({
  gateway: z.string().max(63),
  run: uuid,
  from: z.int().positive(),
  to: z.int().nonnegative(),
  /** Ids of the records, 16 bytes each, in the order of their numbers. */
  records: base64,
  /** Numbers whose record the stream did not acknowledge: it may or may not be in the log, and its caller was told that nothing ran. */
  unconfirmed: z.array(z.int().positive()).max(decisionsPerCountMax),
  /** SHA-256 over the leaf hashes of all other records, in the order of their numbers: not one of them can be another than was decided. */
  leaves: sha256Hex,
  /** The gateway has stopped: there is no higher number. */
  final: z.boolean(),
});
export type DecisionCount = z.output<typeof decisionCount>;

/** Public fields of `run.closed`: what is known of a gateway that went silent. It may have decided more; nothing more has arrived. */
export const closedRun = z.object({
  gateway: z.string().max(63),
  run: uuid,
  /** What the gateway itself has counted last. */
  countedTo: z.int().nonnegative(),
  /** The highest number of a record that has arrived. */
  lastKnown: z.int().nonnegative(),
  /** Records above `countedTo` that have arrived: numbers, and ids in their order. */
  numbers: z.array(z.int().positive()),
  records: base64,
  /** Numbers between the two of which none has arrived. */
  missing: z.array(z.int().positive()),
});
export type ClosedRun = z.output<typeof closedRun>;

const idBytes = 16;

export const packRecords = (ids: readonly string[]): string => Buffer.from(ids.map((id) => id.replaceAll('-', '')).join(''), 'hex').toString('base64');

/** Inverse of {@link packRecords}. Error: RangeError when it is not a number of whole ids. */
export function unpackRecords(packed: string): string[] {
  const bytes = Buffer.from(packed, 'base64');
  if (bytes.length % idBytes !== 0) throw new RangeError('not a number of whole ids');
  return Array.from({ length: bytes.length / idBytes }, (_, at) => {
    const hex = bytes.toString('hex', at * idBytes, (at + 1) * idBytes);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  });
}
