import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '#kernel';
import { defineCall } from './define.js';
import { actor } from './governance.js';
import { machinePrices, meterPricesJson } from './meters.js';
import { label, nanos, pageRequest, sha256Hex, timeMs, uuid } from './scalars.js';

/** Another price that an operator gives an offer than its machine asks. */
export const newPriceChange = z.object({
  offer: uuid,
  inputNanosPerMillion: nanos,
  outputNanosPerMillion: nanos,
  meters: machinePrices.optional(),
  note: label,
  /** Not before it is approved; 0: then. */
  effectiveFromMs: timeMs.default(0),
});
export type NewPriceChange = z.output<typeof newPriceChange>;

export const priceChange = newPriceChange.extend({
  id: uuid,
  /** SHA-256 over the canonical JSON of what it says. */
  hash: sha256Hex,
  /** `withdrawn`: its offer had left the market when it was to begin. */
  state: z.enum(['proposed', 'approved', 'applied', 'withdrawn']),
  /** The API keys of two persons. */
  proposedBy: uuid,
  proposedAtMs: timeMs,
  approvedBy: uuid.nullable(),
  approvedAtMs: timeMs.nullable(),
  /** The price version that it became. */
  version: uuid.nullable(),
});
export type PriceChange = z.output<typeof priceChange>;

export const priceChangeCalls = {
  /** Once for each id: the same again answers the same. Errors: NOT_FOUND (offer), NODE_REVOKED, AMOUNT_INVALID, IDEMPOTENCY_MISMATCH, NOT_ALLOWED (without a key of one's own). */
  propose: defineCall('billing', 'price-changes.propose', { request: newPriceChange.extend({ actor, id: uuid }), reply: priceChange }),
  /** By another person than who proposed it. Errors: NOT_FOUND, NOT_ALLOWED, CONFLICT (approved by somebody else, or it says something else than `hash`), NODE_REVOKED. */
  approve: defineCall('billing', 'price-changes.approve', { request: z.object({ actor, id: uuid, hash: sha256Hex }), reply: priceChange }),
  /** Ordered by id. */
  list: defineCall('billing', 'price-changes.list', { request: pageRequest.extend({ offer: uuid.optional() }), reply: z.object({ data: z.array(priceChange), hasMore: z.boolean() }) }),
} as const;

/** As it stands in the log: amounts as text. */
export const priceChangeJson = ({ offer, inputNanosPerMillion, outputNanosPerMillion, meters, note, effectiveFromMs }: NewPriceChange) => ({
  ...{ offer, note, effectiveFromMs, inputNanosPerMillion: inputNanosPerMillion.toString(), outputNanosPerMillion: outputNanosPerMillion.toString() },
  ...(meters && { meters: meterPricesJson(meters) }),
});

export const priceChangeHash = (change: NewPriceChange): string => createHash('sha256').update(canonicalJson(priceChangeJson(change))).digest('hex');
