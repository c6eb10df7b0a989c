import { z } from 'zod';
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
  requests: z.int().min(1).max(10_000_000).default(1),
});

/** `amount = requests × (quantity × price ÷ per, rounded half up to a nano-dollar)`. */
export const quoteLine = z.object({
  meter: z.enum(['input_tokens', 'output_tokens']),
  quantity: z.int().nonnegative(),
  per: z.int().positive(),
  priceNanos: nanos,
  requests: z.int().positive(),
  amountNanos: nanos,
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
  lines: z.array(quoteLine),
  totalNanos: nanos,
});

export const quote = z.object({
  quotedAtMs: timeMs,
  currency: z.literal('USD'),
  /** Wherever it may run: the dearest of all offers. A policy leaves some out, it never adds one. */
  upperBoundNanos: nanos,
  lowestNanos: nanos,
  /** Cheapest first. */
  offers: z.array(quotedOffer),
});
export type Quote = z.output<typeof quote>;
export type QuoteRequest = z.output<typeof quoteRequest>;
export type QuotedOffer = z.output<typeof quotedOffer>;
