import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '#kernel';
import type { MeterPrices } from '#kernel';
import { defineCall } from './define.js';
import { actor } from './governance.js';
import { machinePrices } from './meters.js';
import { label, nanos, pageRequest, sha256Hex, slug, timeMs, uuid } from './scalars.js';
import { modelName } from './traffic.js';

/** A thousand per cent. */
const basisPoints = z.int().min(0).max(100_000);

const requestNanos = nanos.refine((value) => value > 0n && value < 2n ** 63n, 'between 1 and 2^63 − 1').optional();

/** What is added to what a machine asks: on a network, on a model, on both, or (`null`, `null`) on everything. */
export const priceRule = z.object({
  network: slug.nullable().default(null),
  model: modelName.nullable().default(null),
  networkFeeBasisPoints: basisPoints,
  markupBasisPoints: basisPoints,
  /** The deployment's own, for each request that produces anything; left out: nothing. */
  requestNanos,
  /** The deployment's own, for each answer that a gateway gives again; left out: nothing. */
  cacheHitNanos: requestNanos,
});
export type PriceRule = z.output<typeof priceRule>;

export const newPriceBook = z.object({
  note: label,
  /** Not before it is approved. */
  effectiveFromMs: timeMs,
  rules: z
    .array(priceRule)
    .max(200)
    .refine((rules) => new Set(rules.map(({ network, model }) => JSON.stringify([network, model]))).size === rules.length, 'a network and model stand twice'),
});
export type NewPriceBook = z.output<typeof newPriceBook>;

export const priceBook = newPriceBook.extend({
  id: uuid,
  /** SHA-256 over the canonical JSON of what it says. */
  hash: sha256Hex,
  state: z.enum(['proposed', 'approved']),
  /** The API keys of two persons. */
  proposedBy: uuid,
  proposedAtMs: timeMs,
  approvedBy: uuid.nullable(),
  approvedAtMs: timeMs.nullable(),
});
export type PriceBook = z.output<typeof priceBook>;

/** How a price version was made from what the machine asks. */
export const pricedBy = z.object({
  /** The price book. */
  book: uuid,
  /** `null`: it was not known. */
  network: z.string().nullable(),
  askInputNanosPerMillion: nanos,
  askOutputNanosPerMillion: nanos,
  askMeters: machinePrices.optional(),
  networkFeeBasisPoints: basisPoints,
  markupBasisPoints: basisPoints,
  requestNanos,
});
export type PricedBy = z.output<typeof pricedBy>;

/** What the machine asks, of a price with or without a book. */
export function askOf({ book, inputNanosPerMillion, outputNanosPerMillion, meters }: MeterPrices & { readonly book?: PricedBy | undefined }): MeterPrices {
  const asked = book ? book.askMeters : meters;
  const tokens = book ? { inputNanosPerMillion: book.askInputNanosPerMillion, outputNanosPerMillion: book.askOutputNanosPerMillion } : { inputNanosPerMillion, outputNanosPerMillion };
  return { ...tokens, ...(asked && { meters: asked }) };
}

export const priceBookCalls = {
  /** Once for each id: the same again answers the same. Errors: IDEMPOTENCY_MISMATCH, NOT_ALLOWED (without a key of one's own). */
  propose: defineCall('billing', 'price-books.propose', { request: newPriceBook.extend({ actor, id: uuid }), reply: priceBook }),
  /** By another person than who proposed it. Errors: NOT_FOUND, NOT_ALLOWED, CONFLICT (a later one is in force, or it says something else than `hash`). */
  approve: defineCall('billing', 'price-books.approve', { request: z.object({ actor, id: uuid, hash: sha256Hex }), reply: priceBook }),
  /** Ordered by id. */
  list: defineCall('billing', 'price-books.list', { request: pageRequest, reply: z.object({ data: z.array(priceBook), hasMore: z.boolean() }) }),
} as const;

export const priceBookHash = ({ note, effectiveFromMs, rules }: NewPriceBook): string => createHash('sha256').update(canonicalJson({ note, effectiveFromMs, rules: rulesJson(rules) })).digest('hex');

/** As they stand in the log: amounts as text. */
export const rulesJson = (rules: readonly PriceRule[]) => rules.map(({ requestNanos: fee, cacheHitNanos: hit, ...rule }) => ({ ...rule, ...(fee !== undefined && { requestNanos: fee.toString() }), ...(hit !== undefined && { cacheHitNanos: hit.toString() }) }));
