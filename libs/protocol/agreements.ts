import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '#kernel';
import { defineCall } from './define.js';
import { actor } from './governance.js';
import { label, nanos, pageRequest, sha256Hex, timeMs, uuid } from './scalars.js';

const hourMs = 3_600_000;
const creditEndMax = Date.UTC(2200, 0);
/** An amount of money that is more than nothing. */
const amount = nanos.refine((value) => value > 0n && value < 2n ** 63n, 'between 1 and 2^63 − 1');
const isMonth = (atMs: number): boolean => new Date(atMs).getUTCDate() === 1 && atMs % (24 * hourMs) === 0;

/** What is off of a month's usage above an amount, up to where the next tier begins: graduated, not volume. */
export const discountTier = z.object({ aboveNanos: nanos.refine((value) => value >= 0n && value < 2n ** 63n, 'between 0 and 2^63 − 1'), basisPoints: z.int().min(0).max(10_000) });
export type DiscountTier = z.output<typeof discountTier>;

/** What is billed each month, used or not. */
export const monthlyFee = z.object({ name: label, monthlyNanos: amount });

/** What an organisation has agreed to beside prices. It changes what invoices say, never what a request costs. */
export const newAgreement = z.object({
  note: label,
  /** The beginning of a month of UTC; not before the month after its approval. */
  effectiveFromMs: timeMs.refine(isMonth, 'the first moment of a month, UTC'),
  tiers: z
    .array(discountTier)
    .max(20)
    .refine((tiers) => tiers.every(({ aboveNanos }, index) => index === 0 || tiers[index - 1]!.aboveNanos < aboveNanos), 'tiers rise'),
  /** What a month costs at least after discounts; `null`: nothing is committed to. */
  minimumNanos: amount.nullable().default(null),
  fees: z
    .array(monthlyFee)
    .max(20)
    .refine((fees) => new Set(fees.map(({ name }) => name)).size === fees.length, 'a fee stands twice'),
});
export type NewAgreement = z.output<typeof newAgreement>;

export const agreement = newAgreement.extend({
  id: uuid,
  tenant: uuid,
  /** SHA-256 over the canonical JSON of what it says, and to whom. */
  hash: sha256Hex,
  state: z.enum(['proposed', 'approved']),
  /** The API keys of two persons. */
  proposedBy: uuid,
  proposedAtMs: timeMs,
  approvedBy: uuid.nullable(),
  approvedAtMs: timeMs.nullable(),
});
export type Agreement = z.output<typeof agreement>;

/** Money that usage is paid with before anybody is asked for any, while it is valid. */
export const newCredit = z
  .object({ name: label, amountNanos: amount, validFromMs: timeMs, expiresAtMs: timeMs })
  .refine(({ validFromMs, expiresAtMs }) => validFromMs % hourMs === 0 && expiresAtMs % hourMs === 0, { message: 'a credit begins and ends with a full hour', path: ['expiresAtMs'] })
  .refine(({ expiresAtMs }) => expiresAtMs <= creditEndMax, { message: 'a credit ends before 2200', path: ['expiresAtMs'] })
  .refine(({ validFromMs, expiresAtMs }) => validFromMs < expiresAtMs, { message: 'a credit ends after it begins', path: ['expiresAtMs'] });
export type NewCredit = z.output<typeof newCredit>;

export const credit = z.object({
  ...newCredit.shape,
  id: uuid,
  tenant: uuid,
  /** In issued invoices. */
  usedNanos: nanos,
  /** Lost: not used by `lapsesAtMs`. */
  lapsedNanos: nanos,
  leftNanos: nanos,
  /** A month after the one in which it expires: until then usage from before its expiry may still be billed. */
  lapsesAtMs: timeMs,
  grantedAtMs: timeMs,
});
export type Credit = z.output<typeof credit>;

/** Where an organisation is in the tiers of its agreement. `agreement` null: it has none this month, and nothing is off. */
export const discountAhead = z.object({
  agreement: uuid.nullable(),
  tiers: z.array(discountTier),
  /** Charged in this month of UTC so far. */
  usedNanos: nanos,
});
export type DiscountAhead = z.output<typeof discountAhead>;

const tenantPage = pageRequest.extend({ tenant: uuid });

export const agreementCalls = {
  /** Once for each id: the same again answers the same. Errors: NOT_FOUND (organisation), IDEMPOTENCY_MISMATCH, NOT_ALLOWED (without a key of one's own). */
  propose: defineCall('billing', 'agreements.propose', { request: newAgreement.extend({ actor, tenant: uuid, id: uuid }), reply: agreement }),
  /** By another person than who proposed it. Errors: NOT_FOUND, NOT_ALLOWED, CONFLICT (approved by somebody else, or it says something else than `hash`). */
  approve: defineCall('billing', 'agreements.approve', { request: z.object({ actor, tenant: uuid, id: uuid, hash: sha256Hex }), reply: agreement }),
  /** Ordered by id. */
  list: defineCall('billing', 'agreements.list', { request: tenantPage, reply: z.object({ data: z.array(agreement), hasMore: z.boolean() }) }),
  /** What the agreement of this month takes off what is used from now on: for quotes. */
  ahead: defineCall('billing', 'agreements.ahead', { request: z.object({ tenant: uuid }), reply: discountAhead }),
  /** Once for each id. Errors: NOT_FOUND (organisation), IDEMPOTENCY_MISMATCH, REQUEST_INVALID (it is over already). */
  grantCredit: defineCall('billing', 'credits.grant', { request: newCredit.safeExtend({ actor, tenant: uuid, id: uuid }), reply: credit }),
  /** Ordered by id. */
  listCredits: defineCall('billing', 'credits.list', { request: tenantPage, reply: z.object({ data: z.array(credit), hasMore: z.boolean() }) }),
} as const;

export const agreementHash = (tenant: string, { note, effectiveFromMs, tiers, minimumNanos, fees }: NewAgreement): string =>
  createHash('sha256').update(canonicalJson({ tenant, ...agreementJson({ note, effectiveFromMs, tiers, minimumNanos, fees }) })).digest('hex');

/** As it stands in the log: amounts as text. */
export const agreementJson = ({ note, effectiveFromMs, tiers, minimumNanos, fees }: NewAgreement) => ({
  ...{ note, effectiveFromMs, minimumNanos: minimumNanos?.toString() ?? null },
  tiers: tiers.map(({ aboveNanos, basisPoints }) => ({ aboveNanos: aboveNanos.toString(), basisPoints })),
  fees: fees.map(({ name, monthlyNanos }) => ({ name, monthlyNanos: monthlyNanos.toString() })),
});
