import { z } from 'zod';
import { defineCall } from './define.js';
import { evmAddress, timeMs, tokenUnits } from './scalars.js';

/** A provider's bond at a final block. Amounts in units of the contract, which are those of `token` × `unit`. */
export const bond = z.object({
  provider: evmAddress,
  chainId: z.int(),
  contract: evmAddress,
  token: evmAddress,
  /** The final block that was looked at. */
  block: z.int().nonnegative(),
  units: tokenUnits,
  /** What neither thaws nor is claimed: what a new claim can count on. */
  securedUnits: tokenUnits,
  thawingUnits: tokenUnits,
  /** From when the thawing part may leave; null when nothing thaws. */
  thawEndsAtMs: timeMs.nullable(),
  claimedUnits: tokenUnits,
  claimMaxUnits: tokenUnits,
  /** Null: the provider never named one, and has no bond. */
  arbiter: evmAddress.nullable(),
  court: evmAddress.nullable(),
  /** Whether the operator relies on this arbiter; a bond under another one is no assurance to anybody here. */
  arbiterRecognised: z.boolean(),
});
export type BondView = z.output<typeof bond>;

export const bondCalls = {
  /** Errors: NOT_FOUND (this deployment has no contract for bonds), CHAIN_UNAVAILABLE. */
  getBond: defineCall('settlement', 'bonds.get', { request: z.object({ provider: evmAddress }), reply: bond }),
} as const;
