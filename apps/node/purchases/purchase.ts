import { z } from 'zod';
import { evmAddress, nanosFor, sha256Hex, timeMs, tokenUnits, txHash, uuid } from '#protocol';

/**
 * What became of a payment that was signed. `signed`: it may be taken until it runs out. `paid`: it was taken. `lapsed`: it ran out, and nobody can
 * take it any more.
 */
export const purchaseStates = ['signed', 'paid', 'lapsed'] as const;

/** What the seller said of a payment that it took. */
const claim = z.object({ tx: txHash, units: tokenUnits.nullable() });

/** One request that was bought, under the request's own id: nothing is ever paid twice under one. Amounts are units of the asset. */
export const purchase = z.object({
  id: uuid,
  /** Host and port of the seller. */
  host: z.string(),
  url: z.string(),
  requestHash: sha256Hex,
  network: z.string(),
  asset: evmAddress,
  payTo: evmAddress,
  scheme: z.enum(['exact', 'upto']),
  method: z.enum(['eip3009', 'permit2']),
  nonce: z.string(),
  /** Unix seconds after which nobody can take it. */
  validBefore: z.int().positive(),
  /** The most that can be taken, and what that is in nano-dollars. */
  unitsMax: tokenUnits,
  nanosMax: tokenUnits,
  /** The payment as it was sent, and is sent if it must be again. */
  header: z.string(),
  atMs: timeMs,
  /** How the request ended; null: it runs, or the machine died meanwhile. */
  ended: z.enum(['answered', 'failed']).nullable(),
  why: z.string().nullable(),
  claim: claim.nullable(),
  state: z.enum(purchaseStates),
  /** What was taken, by what the chain says. */
  units: tokenUnits.nullable(),
  nanos: tokenUnits.nullable(),
  tx: txHash.nullable(),
  /** Why what the seller said is not so. */
  lie: z.string().nullable(),
  decidedAtMs: timeMs.nullable(),
});
export type Purchase = z.output<typeof purchase>;

/** Money went and no answer came. */
export const isLoss = ({ state, ended }: Pick<Purchase, 'state' | 'ended'>): boolean => state === 'paid' && ended !== 'answered';

/** What a purchase counts as spent: while it can still be taken, the most. */
export const spentNanos = ({ state, nanos, nanosMax }: Purchase): bigint => (state === 'signed' ? nanosMax : (nanos ?? 0n));

/** `units` of a token of so many decimals in nano-dollars, rounded up: a token is a dollar. */
export const nanosOf = (units: bigint, decimals: number): bigint => nanosFor(units, { nanos: 1_000_000_000n, units: 10n ** BigInt(decimals) });
