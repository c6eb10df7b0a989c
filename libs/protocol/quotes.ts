import { z } from 'zod';
import { meterNames } from '#kernel';
import { machineQuantities } from './meters.js';
import { nanos, sha256Hex, timeMs, uuid } from './scalars.js';
import { endpoint } from './vocabulary.js';

/** A planned request, or many alike. Ten million requests of a million tokens each stay within what a book can hold at any sane price. */
export const quoteRequest = z.object({
  /** A model, or an alias of the organisation. */
  model: z.string().min(1).max(200),
  endpoint,
  inputTokens: z.int().min(0).max(10_000_000),
  /** The most that the answer may be; 0 where it has none, as embeddings. */
  outputTokens: z.int().min(0).max(10_000_000).default(0),
  /** The most of what else each is measured in: pictures, milliseconds of sound. Cached tokens are not foreseen. */
  meters: machineQuantities.omit({ cached_tokens: true }).optional(),
  requests: z.int().min(1).max(10_000_000).default(1),
});

/** `amount = requests × (quantity × price ÷ per, rounded half up to a nano-dollar)`. */
export const quoteLine = z.object({
  meter: z.enum(meterNames),
  quantity: z.int().nonnegative(),
  per: z.int().positive(),
  priceNanos: nanos,
  requests: z.int().positive(),
  amountNanos: nanos,
  /** What of it is whose, where a price book adds to what the machine asks; they sum to the amount. */
  parts: z.array(z.object({ of: z.enum(['machine', 'network_fee', 'markup']), amountNanos: nanos })).optional(),
  /** The same in words. */
  explanation: z.string(),
});

/** What it costs at most on one machine under the price version in force. */
export const quotedOffer = z.object({
  offer: uuid,
  node: uuid,
  name: z.string(),
  region: z.string(),
  jurisdiction: z.string(),
  model: z.string(),
  up: z.boolean(),
  priceVersion: uuid,
  priceHash: sha256Hex,
  priceSinceMs: timeMs,
  /** The price book that made the price. */
  priceBook: uuid.optional(),
  lines: z.array(quoteLine),
  /** What is reserved, counts to budgets and is charged. */
  totalNanos: nanos,
  /** What an answer that is given again costs instead; left out: nothing. */
  cacheHitNanos: nanos.optional(),
  /** What the organisation's agreement takes off it on the invoice, where it has one with discounts. */
  discountNanos: nanos.optional(),
});

export const quote = z.object({
  quotedAtMs: timeMs,
  currency: z.literal('USD'),
  /** Wherever it may run: the dearest of all offers. A policy leaves some out, it never adds one. */
  upperBoundNanos: nanos,
  lowestNanos: nanos,
  /** By which the discounts are, and what of this month's usage stands before it. */
  agreement: z.object({ id: uuid, usedNanos: nanos, explanation: z.string() }).optional(),
  /** Cheapest first. */
  offers: z.array(quotedOffer),
});
export type Quote = z.output<typeof quote>;
export type QuoteRequest = z.output<typeof quoteRequest>;
export type QuotedOffer = z.output<typeof quotedOffer>;
