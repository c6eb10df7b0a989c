import { z } from 'zod';
import { defineCall, defineEvent } from './define.js';
import { actor } from './governance.js';
import { evmAddress, label, nanos, pageRequest, timeMs, uuid } from './scalars.js';

/** What the owner of a data set has of what a request cost: 250 basis points = 2.5 %. */
export const royaltyShare = z.object({ dataset: label, owner: evmAddress, basisPoints: z.int().min(1).max(10_000) });
export type RoyaltyShare = z.output<typeof royaltyShare>;

/** That a request used data sets, and whose share is what. The machine's payee has the rest. */
export const royaltyUse = z.object({
  record: uuid,
  tenant: uuid,
  /** How: `retrieval`, `training` … */
  use: label,
  shares: z
    .array(royaltyShare)
    .min(1)
    .max(16)
    .refine((shares) => shares.reduce((sum, { basisPoints }) => sum + basisPoints, 0) <= 10_000, 'the shares are more than the whole')
    .refine((shares) => new Set(shares.map(({ dataset, owner }) => `${owner.toLowerCase()} ${dataset}`)).size === shares.length, 'name each data set of an owner once'),
});
export type RoyaltyUse = z.output<typeof royaltyUse>;

export const royaltyLine = z.object({
  record: uuid,
  tenant: uuid,
  dataset: z.string(),
  owner: evmAddress,
  use: z.string(),
  basisPoints: z.int(),
  amountNanos: nanos,
  /** Whose earnings it was taken from. */
  payer: evmAddress,
  bookedAtMs: timeMs,
});
export type RoyaltyLine = z.output<typeof royaltyLine>;

export const royaltyCalls = {
  /**
   * Gives owners of data their share of a charge, once per record. Errors: NOT_FOUND (no such charge), CONFLICT (the machine's payee is not
   * known yet, the charge is drawn for the chain already, or its work was refuted), IDEMPOTENCY_MISMATCH (other shares were booked for the record).
   */
  note: defineCall('billing', 'royalties.note', { request: royaltyUse.extend({ actor }), reply: z.object({ record: uuid, chargeNanos: nanos, lines: z.array(royaltyLine), leftNanos: nanos }) }),
  /** Ordered by record, owner and data set; `after` is a record. */
  list: defineCall('billing', 'royalties.list', { request: pageRequest.extend({ tenant: uuid.nullable() }), reply: z.object({ data: z.array(royaltyLine), hasMore: z.boolean() }) }),
} as const;

export const royaltyEvents = {
  /** Of whoever keeps the data sets: a request that has ended used some. */
  datasetsUsed: defineEvent('governance', 'datasets-used', royaltyUse),
} as const;
