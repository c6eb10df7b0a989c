import { getAddress } from 'ethers';
import { z } from 'zod';
import { dollars, evmAddress, label } from '#protocol';

const address = evmAddress.transform((text) => getAddress(text.toLowerCase()));

/** For one whole token. */
const usd = dollars('a positive decimal amount of dollars with at most 9 places, as text');

/** The operator's word for what a token is worth, with why and since when. */
const fixed = z.strictObject({ usdPerToken: usd, reason: label, date: z.iso.date() });

/** A price feed in dollars, and what of its answers is believed. */
const oracle = z
  .strictObject({
    feed: address,
    /** An answer that is older than this is none: the feed's own heartbeat and some. */
    staleSeconds: z.int().positive().max(7 * 86_400),
    /** An answer beyond these is taken for a fault of the feed. */
    minUsd: usd,
    maxUsd: usd,
  })
  .refine(({ minUsd, maxUsd }) => minUsd <= maxUsd, { path: ['minUsd'], message: 'is above maxUsd' });

const setting = z.union([fixed, oracle]);
export type RateSetting = z.output<typeof setting>;
export type OracleSetting = z.output<typeof oracle>;
export type FixedSetting = z.output<typeof fixed>;

/** JSON object {token address: how its worth is known}. Gives a map by EIP-55 address. */
export const rateSettings = z.string().transform((text, context) => {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'is not JSON' });
    return z.NEVER;
  }
  const parsed = z.record(address, setting).safeParse(given);
  if (parsed.success) return new Map(Object.entries(parsed.data));
  const { path, message } = parsed.error.issues[0]!;
  context.addIssue({ code: 'custom', message: `${path.join('.')}: ${message}; a JSON object of token address to {"usdPerToken", "reason", "date"} or {"feed", "staleSeconds", "minUsd", "maxUsd"}` });
  return z.NEVER;
});
