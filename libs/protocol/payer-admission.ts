import { z } from 'zod';
import { defineCall, defineEvent } from './define.js';
import { evmAddress, timeMs, tokenUnits } from './scalars.js';
import { chainPosition } from './settlement.js';

/** Why a token may be taken from payers of some places: the issuer's authorisation, as it is on file. */
export const tokenAuthorisation = z.object({
  /** ISO 3166-1 alpha-2. */
  jurisdictions: z.array(z.string().regex(/^[A-Z]{2}$/, 'two capital letters')).min(1),
  issuer: z.string().min(1),
  authority: z.string().min(1),
  /** What the authorisation is, by which law. */
  regime: z.string().min(1),
  reference: z.string().min(1),
  date: z.iso.date(),
  /** What nobody has confirmed with the authority yet, in words. */
  unconfirmed: z.array(z.string()).default([]),
});
export type TokenAuthorisation = z.output<typeof tokenAuthorisation>;

/** How payers and payees are looked up in lists of sanctions. */
export const screeningState = z.object({
  sources: z.array(z.object({ kind: z.enum(['oracle', 'list']), name: z.string(), entries: z.int().nonnegative().nullable(), loadedAtMs: timeMs.nullable() })),
  /** Who answers for there being no source, and why. */
  waiver: z.string().nullable(),
});

export const payerAdmissionCalls = {
  /** The token of this deployment and where it may be taken. `everywhere`: a local chain with test money. */
  token: defineCall('settlement', 'tokens.get', {
    request: z.object({}),
    reply: z.object({ chainId: z.int(), token: evmAddress, everywhere: z.boolean(), authorisations: z.array(tokenAuthorisation) }),
  }),
  screening: defineCall('settlement', 'screening.get', { request: z.object({}), reply: screeningState }),
} as const;

/** A final deposit that does not count, and that it counts after all. */
export const payerAdmissionEvents = {
  depositHeld: defineEvent('settlement', 'deposit-held', z.object({ payer: evmAddress, units: tokenUnits, reason: z.string(), at: chainPosition })),
} as const;
