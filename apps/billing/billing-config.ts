import { z } from 'zod';
import { atPar, limits } from '#protocol';
import type { ConversionRate } from '#protocol';

/** The service's own environment. */
export const billingConfig = z.object({
  /** How long past its deadline an admission stays open. */
  BILLING_ADMISSION_GRACE_MS: z.coerce.number().int().min(0).max(86_400_000).default(limits.admissionGraceMs),
  /** How long a lease lasts, and how much longer its money is kept for usage on its way. */
  BILLING_LEASE_TTL_MS: z.coerce.number().int().min(500).max(600_000).default(limits.leaseTtlMs),
  BILLING_LEASE_GRACE_MS: z.coerce.number().int().min(0).max(600_000).default(limits.leaseGraceMs),
  /** How often expired leases, overdue admissions and the like are looked for. */
  BILLING_SWEEP_MS: z.coerce.number().int().min(20).max(60_000).default(1_000),
  /** How often spend is held against alerts; each look sums the hours of each alert's period. */
  BILLING_SPEND_WATCH_MS: z.coerce.number().int().min(100).max(3_600_000).default(10_000),
  /** How often spend is held against its own past, and the least distance from it that is told: a dollar. */
  BILLING_UNUSUAL_SPEND_MS: z.coerce.number().int().min(100).max(86_400_000).default(300_000),
  BILLING_UNUSUAL_SPEND_FLOOR_NANOS: z.coerce.bigint().min(1n).default(1_000_000_000n),
  /** Minutes after midnight, UTC, at which the day is closed: records of the day before are in by then. */
  BILLING_CLOSE_AT_MINUTES: z.coerce.number().int().min(0).max(1_439).default(10),
  /** How long a close waits for what is on its way between services before it names it as a difference. */
  BILLING_CLOSE_PATIENCE_MS: z.coerce.number().int().min(0).max(30_000).default(10_000),
  /** Decimals of the payout token, a dollar token: 6 = 1,000 nanos a unit. Finer tokens are held at 10⁻⁹. */
  BILLING_TOKEN_DECIMALS: z.coerce.number().int().min(0).max(9).default(6),
  /** How long after a month its invoices stay drafts, for usage that comes late: three days. */
  BILLING_INVOICE_GRACE_MS: z.coerce.number().int().min(0).max(31 * 86_400_000).default(3 * 86_400_000),
  /** How often drafts and payments are looked for. */
  BILLING_INVOICE_RUN_MS: z.coerce.number().int().min(1_000).max(86_400_000).default(60_000),
});
export type BillingConfig = z.output<typeof billingConfig>;

/** The token as a currency of the books. */
export interface TokenCurrency {
  readonly currency: string;
  /** Nano-dollars that one token unit stands for. */
  readonly nanosPerUnit: bigint;
}

export function tokenCurrency({ BILLING_TOKEN_DECIMALS }: Pick<BillingConfig, 'BILLING_TOKEN_DECIMALS'>): TokenCurrency {
  return { currency: `TUSD${BILLING_TOKEN_DECIMALS}`, nanosPerUnit: 10n ** BigInt(9 - BILLING_TOKEN_DECIMALS) };
}

/** What a draw is made at when nobody says what the token is worth. */
export const parRate = ({ nanosPerUnit }: TokenCurrency, readAtMs: number): ConversionRate => ({
  nanos: nanosPerUnit,
  units: 1n,
  source: atPar,
  readAtMs,
});
