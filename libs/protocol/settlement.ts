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

/** Where on chain an event stands: with the block hash it is unique over reorganisations. */
export const chainPosition = z.object({ tx: txHash, blockHash: txHash, blockNumber: z.int().nonnegative(), logIndex: z.int().nonnegative() });

export const settlementCalls = {
  /** Names the address whose deposit pays for a tenant; its signing key is in the service's keystore. */
  putPayer: defineCall('settlement', 'payers.put', { request: z.object({ actor, tenant: uuid, address: evmAddress }), reply: z.object({ tenant: uuid, address: evmAddress }) }),
  /** Runs an epoch now. Errors: NOTHING_DUE, CHAIN_UNAVAILABLE, DEPOSIT_INSUFFICIENT. */
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
      block: z.int(),
      payer: evmAddress.nullable(),
      availableUnits: tokenUnits.nullable(),
      payees: z.array(z.object({ address: evmAddress, index: z.int().nonnegative(), creditUnits: tokenUnits })),
    }),
  }),
} as const;

export const settlementEvents = {
  depositConfirmed: defineEvent('settlement', 'deposit-confirmed', z.object({ tenant: uuid, payer: evmAddress, units: tokenUnits, at: chainPosition })),
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
