import { z } from 'zod';
import { defineCall } from './define.js';
import { conversionRate } from './conversion.js';
import { actor } from './governance.js';
import { meterPrices, meterQuantities } from './meters.js';
import { pricedBy } from './price-books.js';
import { evmAddress, nanos, nanosSum, pageRequest, sha256Hex, timeMs, tokenUnits, txHash, uuid } from './scalars.js';

/** Money set aside for one gateway to spend without asking again. */
export const lease = z.object({
  lease: uuid,
  budget: uuid,
  amountNanos: nanos,
  /** Monotonic per budget and holder: usage under an older fence is booked but flagged. */
  fence: z.int().positive(),
  ttlMs: z.int().positive(),
});

/** What a holder says of a lease: no more than `usedNanosMax` of it was or will be used; the rest it has given up already. */
export const usedLease = z.object({ lease: uuid, fence: z.int().positive(), usedNanosMax: nanos });
export type UsedLease = z.output<typeof usedLease>;

/** Leases in one answer to a recall: 1,000 × 130 bytes. */
export const leasesOfRecallMax = 1_000;

/**
 * On `mizan.gateway.recall.<gateway>`: which money is wanted back, `budget: null` = of any budget of the organisation, `keyId` = of leases that this key alone may use; and what the
 * gateway gives up of it, with what it gave up of the same before: an answer that was lost, or is not booked yet, is said again.
 */
export const leaseRecall = {
  request: z.object({ tenant: uuid, budget: uuid.nullable(), keyId: uuid.optional() }),
  reply: z.object({ leases: z.array(usedLease).max(leasesOfRecallMax) }),
} as const;
export type LeaseRecall = z.output<typeof leaseRecall.request>;

export const budget = z.object({
  id: uuid,
  tenant: uuid,
  project: uuid,
  currency: z.literal('USD'),
  limitNanos: nanos,
  availableNanos: nanos,
  leasedNanos: nanos,
  spentNanos: nanos,
});

export const priceVersion = z.object({
  version: uuid,
  offer: uuid,
  currency: z.literal('USD'),
  inputNanosPerMillion: nanos,
  outputNanosPerMillion: nanos,
  /** For each request that produces anything. */
  requestNanos: nanos.optional(),
  /** For what is measured beside tokens. */
  meters: meterPrices.optional(),
  hash: sha256Hex,
  validFromMs: timeMs,
  validToMs: timeMs.nullable(),
  /** Where a price book made it of what the machine asks. */
  book: pricedBy.optional(),
});

export const charge = z.object({
  record: uuid,
  tenant: uuid,
  project: uuid,
  node: uuid,
  offer: uuid,
  priceVersion: uuid,
  inputTokens: z.int().nonnegative(),
  outputTokens: z.int().nonnegative(),
  meters: meterQuantities.optional(),
  amountNanos: nanos,
  chargedAtMs: timeMs,
});

/** What is owed to a payee by one tenant: earned − drawn into statements − held until the work is verified. */
export const payable = z.object({ tenant: uuid, payee: evmAddress, earnedNanos: nanos, drawnNanos: nanos, heldNanos: nanos, owedNanos: nanos });

/** Cumulative token totals per payee for the next epoch statement of one payer. Idempotent by `statement`. */
export const draw = z.object({
  statement: uuid,
  tenant: uuid,
  /** Nanos per token unit, rounded down: 10⁹⁻ˢᶜᵃˡᵉ for a dollar token. */
  nanosPerUnit: nanos,
  /** The exact rate that the draw was made and is booked at; absent in draws of before there were rates. */
  rate: conversionRate.optional(),
  payees: z.array(z.object({ payee: evmAddress, units: tokenUnits, cumulativeUnits: tokenUnits })),
  totalUnits: tokenUnits,
  cumulativeTotalUnits: tokenUnits,
});

/** Payees that one draw may be told to take: 45 bytes each, in a message of a megabyte. */
export const payeesOfDrawMax = 10_000;

export const payout = z.object({
  statement: uuid,
  tenant: uuid,
  payee: evmAddress,
  units: tokenUnits,
  state: z.enum(['drawn', 'settled']),
  /** Transaction that credited the payee in the escrow. */
  settledTx: txHash.nullable(),
  settledAtMs: timeMs.nullable(),
});

/** Without a limit it is all of them. */
const unpaged = pageRequest.extend({ limit: pageRequest.shape.limit.unwrap().optional() });
/** Books of the release before answer all there is. */
const hasMore = z.boolean().default(false);

export const trialBalance = z.object({
  /** Everything posted before this. */
  beforeMs: timeMs,
  /** What all accounts in debit hold together, and all in credit: the same, or the books are broken. */
  currencies: z.array(z.object({ currency: z.string(), debitNanos: nanosSum, creditNanos: nanosSum })),
  /** Debits positive; of a token, its smallest units. */
  kinds: z.array(z.object({ kind: z.string(), currency: z.string(), balanceNanos: nanosSum })),
});
export type TrialBalance = z.output<typeof trialBalance>;

export const billingCalls = {
  /** Errors: BUDGET_MISSING, BUDGET_EXHAUSTED (not even `needNanos` is left), SPEND_LIMIT_REACHED (nor of what may be spent in this period). */
  acquireLease: defineCall('billing', 'leases.acquire', {
    request: z.object({
      tenant: uuid,
      project: uuid,
      /** The API key that alone may use the lease: one whose spend is limited. */
      keyId: uuid.optional(),
      gateway: z.string().min(1).max(64),
      /** The smallest amount of use: one hold. */
      needNanos: nanos,
      /** The holder's own rate of spend, EWMA. */
      demandNanosPerSecond: nanos,
    }),
    reply: lease,
    timeoutMs: 2_000,
  }),
  /** Ends a lease. What is beyond `usedNanosMax` is back at once, the rest that is not used once the records under it are booked. */
  releaseLease: defineCall('billing', 'leases.release', { request: z.object({ lease: uuid, gateway: z.string(), fence: z.int(), usedNanosMax: nanos.optional() }), reply: z.object({ released: z.boolean() }) }),
  /** Sets the limit of a project's budget; lowering below what is spent and leased stops spending, takes nothing back. */
  putBudget: defineCall('billing', 'budgets.put', { request: z.object({ actor, tenant: uuid, project: uuid, limitNanos: nanos }), reply: budget }),
  /** By id; of a budget, not of its project. */
  listBudgets: defineCall('billing', 'budgets.list', { request: unpaged.extend({ tenant: uuid }), reply: z.object({ data: z.array(budget), hasMore }) }),
  listPrices: defineCall('billing', 'prices.list', { request: pageRequest.extend({ offer: uuid.optional() }), reply: z.object({ data: z.array(priceVersion), hasMore: z.boolean() }) }),
  getCharge: defineCall('billing', 'charges.get', { request: z.object({ tenant: uuid, record: uuid }), reply: charge }),
  /** Ordered by organisation and payee; `after` is `<tenant>:<payee>`. */
  listPayables: defineCall('billing', 'payables.list', { request: unpaged.extend({ tenant: uuid.nullable() }), reply: z.object({ data: z.array(payable), hasMore }) }),
  /**
   * Takes everything owed by a tenant into a statement. Called again with the same statement it answers the same; while another
   * statement of the tenant is unsettled it answers that one, at its own rate. `except`: payees whom the chain cannot pay; they stay owed.
   * `only`: of nobody else; the rest stays owed. `unitsMax`: no more than that in all; those who are owed most come first, the last of them in part.
   * `rate` is what the tokens are worth now; left out, a unit of the payout token is its part of a dollar.
   * Errors: NOTHING_DUE, CONFLICT (the statement was taken back).
   */
  drawPayables: defineCall('billing', 'payables.draw', { request: z.object({ statement: uuid, tenant: uuid, except: z.array(evmAddress).max(16).optional(), payeesMax: z.int().positive().optional(), rate: conversionRate.optional(), only: z.array(evmAddress).max(payeesOfDrawMax).optional(), unitsMax: tokenUnits.optional() }), reply: draw }),
  /** Undoes a draw of which nothing was signed: all of it is owed again. Again does nothing. Errors: CONFLICT (settled on chain), IDEMPOTENCY_MISMATCH. */
  takeBackPayables: defineCall('billing', 'payables.take-back', { request: z.object({ statement: uuid, tenant: uuid }), reply: z.object({ statement: uuid }) }),
  /** Ordered by statement and payee; `after` is `<statement>:<payee>`. */
  listPayouts: defineCall('billing', 'payouts.list', { request: pageRequest.extend({ tenant: uuid.nullable() }), reply: z.object({ data: z.array(payout), hasMore: z.boolean() }) }),
  /** The trial balance of a moment, in one currency or all. */
  trialBalanceAt: defineCall('billing', 'ledger.trial-balance-at', { request: z.object({ beforeMs: timeMs, currency: z.string().max(8).nullable() }), reply: trialBalance, timeoutMs: 60_000 }),
  /** Sum per currency over all postings, and account balances by kind; for the curious and for checks. */
  trialBalance: defineCall('billing', 'ledger.trial-balance', {
    request: z.object({}),
    reply: z.object({ currencies: z.array(z.object({ currency: z.string(), sum: nanosSum, postings: z.int() })), accounts: z.array(z.object({ code: z.string(), currency: z.string(), balance: nanosSum })) }),
    timeoutMs: 20_000,
  }),
} as const;
