/** When a delegate's statements can land, in Unix seconds; both zero if it never was one. */
export interface DelegateTimes {
  readonly liveFrom: bigint;
  readonly liveUntil: bigint;
}

/** What a payer's delegates may spend: units a statement, seconds between two. The `next` ones hold from `nextAt`; zero: none are announced. Times in Unix seconds. */
export interface DelegateLimits {
  readonly epochCap: bigint;
  readonly minInterval: bigint;
  readonly nextCap: bigint;
  readonly nextMinInterval: bigint;
  readonly nextAt: bigint;
  /** When the last delegated statement landed. */
  readonly lastAt: bigint;
}

/** A word of a payer's allow-list; what is announced may be admitted from a Unix time. */
export interface AllowedPayees {
  readonly bits: bigint;
  readonly announced: bigint;
  readonly admissibleAt: bigint;
}

/** Of a delegate that was not revoked. */
const forever = 2n ** 64n - 1n;

/** `revoked`: what it signs can still land until its time is over, what it signs from now on too; `ended`: nothing of it lands any more. */
export type DelegateStanding = 'unknown' | 'announced' | 'live' | 'revoked' | 'ended';

/** As the contract judges at a block of this Unix time. */
export function standingOf({ liveFrom, liveUntil }: DelegateTimes, atSeconds: bigint): DelegateStanding {
  if (liveUntil === 0n) return 'unknown';
  if (liveUntil < atSeconds) return 'ended';
  if (liveUntil !== forever) return 'revoked';
  return liveFrom <= atSeconds ? 'live' : 'announced';
}

/** Where on the allow-list a payee stands: a word of 256, and its bit in it. */
export const placeOf = (index: number): { word: number; bit: bigint } => ({ word: Math.floor(index / 256), bit: 1n << BigInt(index % 256) });
