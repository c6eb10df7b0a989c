import { z } from 'zod';
import { conversionRate } from './conversion.js';
import { defineCall, defineEvent } from './define.js';
import { actor } from './governance.js';
import { evmAddress, pageRequest, sha256Hex, timeMs, tokenUnits, txHash, uuid } from './scalars.js';
import { statementFile } from './statement-file.js';

export const statement = z.object({
  id: uuid,
  tenant: uuid,
  payer: evmAddress,
  epoch: z.int().positive(),
  state: z.enum(['drawn', 'signed', 'broadcast', 'mined', 'final', 'failed']),
  totalUnits: tokenUnits,
  auditRoot: sha256Hex,
  auditSize: z.int().nonnegative(),
  tx: txHash.nullable(),
  createdAtMs: timeMs,
  /** At which dollars became tokens; null in statements of before there were rates. */
  rate: conversionRate.nullable(),
});

/** ISO 3166-1 alpha-2. */
export const jurisdiction = z.string().regex(/^[A-Z]{2}$/, 'the two capital letters of a country');

/** Where on chain an event stands: with the block hash it is unique over reorganisations. */
export const chainPosition = z.object({ tx: txHash, blockHash: txHash, blockNumber: z.int().nonnegative(), logIndex: z.int().nonnegative() });

const delegateLimits = { epochCapUnits: tokenUnits, minIntervalSeconds: z.int().nonnegative() };

/** Who signs a payer's statements in this deployment, and within what. */
export const payerSigner = z.object({
  payer: evmAddress,
  /** `owner`: the payer's own key; `none`: no key is configured. */
  kind: z.enum(['owner', 'delegate', 'none']),
  signer: evmAddress.nullable(),
  /** What the escrow lets the delegate do; null for others, and until the service has looked. */
  delegate: z
    .object({
      standing: z.enum(['unknown', 'announced', 'live', 'revoked', 'ended']),
      /** Why nothing is signed, and what to do. */
      problem: z.string().nullable(),
      liveFromMs: timeMs.nullable(),
      /** Of one that was revoked. */
      liveUntilMs: timeMs.nullable(),
      ...delegateLimits,
      /** Announced limits that hold from then on. */
      next: z.object({ ...delegateLimits, atMs: timeMs }).nullable(),
      lastStatementAtMs: timeMs.nullable(),
      /** The final block at which this was read, and the first one at which the service that answers found it so. */
      block: z.int().nonnegative(),
      sinceBlock: z.int().nonnegative(),
    })
    .nullable(),
});
export type PayerSignerState = z.output<typeof payerSigner>;

export const settlementCalls = {
  /**
   * Names the address whose deposit pays for a tenant; its signing key is in the service's keystore. `jurisdiction`: where the payer is established; the one
   * that was named stays when left out. Errors: CONFLICT, SANCTIONED, TOKEN_NOT_ALLOWED, SCREENING_UNAVAILABLE.
   */
  putPayer: defineCall('settlement', 'payers.put', { request: z.object({ actor, tenant: uuid, address: evmAddress, jurisdiction: jurisdiction.optional() }), reply: z.object({ tenant: uuid, address: evmAddress, jurisdiction: jurisdiction.nullable() }) }),
  /** Runs an epoch now. Errors: NOTHING_DUE, CHAIN_UNAVAILABLE, DEPOSIT_INSUFFICIENT, DELEGATE_UNUSABLE, DELEGATE_LIMITED, FINALITY_BROKEN. */
  runEpoch: defineCall('settlement', 'epochs.run', { request: z.object({ tenant: uuid }), reply: statement, timeoutMs: 30_000 }),
  getStatement: defineCall('settlement', 'statements.get', { request: z.object({ tenant: uuid, id: uuid }), reply: statement }),
  /** The signed statement as its payees get it. Errors: NOT_FOUND (none, or not signed yet). */
  statementFile: defineCall('settlement', 'statements.file', { request: z.object({ tenant: uuid, id: uuid }), reply: statementFile }),
  listStatements: defineCall('settlement', 'statements.list', { request: pageRequest.extend({ tenant: uuid.nullable() }), reply: z.object({ data: z.array(statement), hasMore: z.boolean() }) }),
  /** Chain, contracts and the payer's deposit as the service sees them. */
  chainState: defineCall('settlement', 'chain.state', {
    request: z.object({ tenant: uuid.nullable() }),
    reply: z.object({
      chainId: z.int(),
      escrow: evmAddress,
      token: evmAddress,
      tokenDecimals: z.int(),
      /** The newest block; `availableUnits`, `thawingUnits` and `creditUnits` are as it has them. */
      block: z.int(),
      /** The newest block that is not taken back; what begins with `final` is as it has it. */
      finalBlock: z.int(),
      payer: evmAddress.nullable(),
      availableUnits: tokenUnits.nullable(),
      finalAvailableUnits: tokenUnits.nullable(),
      /** Of what is available, asked back; may leave from `thawEndsAtMs`. */
      thawingUnits: tokenUnits.nullable(),
      thawEndsAtMs: timeMs.nullable(),
      payees: z.array(z.object({ address: evmAddress, index: z.int().nonnegative(), creditUnits: tokenUnits, finalCreditUnits: tokenUnits })),
      /** Of the payers whose it is; those who anchor the log too when all are asked for. */
      signers: z.array(payerSigner),
    }),
    timeoutMs: 10_000,
  }),
} as const;

export const settlementEvents = {
  /** `reversals`: how often it was taken off the books before, for the chain took it back; left out: never. */
  depositConfirmed: defineEvent('settlement', 'deposit-confirmed', z.object({ tenant: uuid, payer: evmAddress, units: tokenUnits, at: chainPosition, reversals: z.int().positive().optional() })),
  /** A deposit that was confirmed, in these words, is in no block any more and on its way into none. */
  depositReversed: defineEvent('settlement', 'deposit-reversed', z.object({ tenant: uuid, payer: evmAddress, units: tokenUnits, at: chainPosition, reversals: z.int().positive().optional() })),
  epochSettled: defineEvent(
    'settlement',
    'epoch-settled',
    z.object({
      statement: uuid,
      tenant: uuid,
      payer: evmAddress,
      epoch: z.int().positive(),
      payees: z.array(z.object({ payee: evmAddress, units: tokenUnits, cumulativeUnits: tokenUnits })),
      totalUnits: tokenUnits,
      auditRoot: sha256Hex,
      auditSize: z.int().nonnegative(),
      at: chainPosition,
    }),
  ),
  /** A payer took thawed deposit back out of the escrow. */
  depositWithdrawn: defineEvent('settlement', 'deposit-withdrawn', z.object({ tenant: uuid, payer: evmAddress, to: evmAddress, units: tokenUnits, at: chainPosition })),
  /** A payee took credit out of the escrow. */
  withdrawalConfirmed: defineEvent('settlement', 'withdrawal-confirmed', z.object({ payee: evmAddress, to: evmAddress, payer: evmAddress, units: tokenUnits, at: chainPosition })),
} as const;
