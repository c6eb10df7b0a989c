import { z } from 'zod';
import { defineCall } from './define.js';
import { evmAddress, nanos, signedUnits, timeMs, tokenUnits, uuid } from './scalars.js';
import { reconciledWallet, walletInBooks } from './wallets.js';

/** Which two of the chain, the events that were read of it, the statements and the books say differently. */
export const tokenDifferenceKinds = [
  /** The chain took back final blocks, and events of the payer that the books know are in none now. */
  'finality_broken',
  /** A payer's deposit on chain is not what its events come to. */
  'deposit_not_events',
  /** What a payer credited in all is not what its settled epochs come to. */
  'credited_not_events',
  /** What a payer credited in all is not what its final statements paid. */
  'credited_not_statements',
  /** The escrow holds less of its token than it owes. */
  'escrow_short',
  /** All deposits on chain are not the books' deposits. */
  'deposits_not_ledger',
  /** What payees have not withdrawn on chain is not the books' credit. */
  'credits_not_ledger',
  /** The books' escrow is not deposits and credits on chain. */
  'escrow_not_ledger',
  /** What a wallet where sales are paid holds is not what came and left. */
  'wallet_not_events',
  /** A sale is told that no transfer to its wallet stands for. */
  'wallet_not_sales',
  /** What sales and all else moved in such a wallet is not what the books have of it. */
  'wallet_not_ledger',
] as const;
export const tokenDifference = z.object({
  kind: z.enum(tokenDifferenceKinds),
  /** A payer's address, the escrow's, or that of a wallet where sales are paid. */
  subject: evmAddress,
  tenant: uuid.nullable(),
  /** What either side says. */
  detail: z.string(),
  /** When it was found first. */
  sinceMs: timeMs,
});
export type TokenDifference = z.output<typeof tokenDifference>;

/** A payer at the block that was compared. */
export const reconciledPayer = z.object({
  address: evmAddress,
  /** Null while it pays for nobody. */
  tenant: uuid.nullable(),
  depositedUnits: tokenUnits,
  withdrawnUnits: tokenUnits,
  availableUnits: tokenUnits,
  /** Of what is available, asked back. */
  thawingUnits: tokenUnits,
  creditedUnits: tokenUnits,
  /** Of what is credited, taken out by payees. */
  paidOutUnits: tokenUnits,
});
export type ReconciledPayer = z.output<typeof reconciledPayer>;

export const reconciliation = z.object({
  chainId: z.int().positive(),
  escrow: evmAddress,
  token: evmAddress,
  /** Final: nothing in it is taken back. */
  block: z.int().nonnegative(),
  comparedAtMs: timeMs,
  /** Nothing differs. */
  agrees: z.boolean(),
  /** Of the deployment; null for an organisation. */
  totals: z
    .object({
      /** The escrow's balance of its token, in the token's own smallest units, so many of which are a unit. */
      heldBaseUnits: tokenUnits,
      baseUnitsPerUnit: tokenUnits,
      /** Held beyond what is owed: anybody can send the contract tokens. */
      surplusBaseUnits: signedUnits,
      depositUnits: signedUnits,
      creditUnits: signedUnits,
      ledgerDepositUnits: signedUnits,
      ledgerCreditUnits: signedUnits,
      ledgerEscrowUnits: signedUnits,
    })
    .nullable(),
  payers: z.array(reconciledPayer),
  /** Where sales by x402 are paid, and were. */
  wallets: z.array(reconciledWallet).default([]),
  differences: z.array(tokenDifference),
});
export type Reconciliation = z.output<typeof reconciliation>;

/** Wallets of one deployment: one is in use, the others were. */
export const walletsMax = 100;

export const reconciliationCalls = {
  /** What the books hold in the escrow's token, all organisations together; amounts positive as they should be. */
  ledgerTokens: defineCall('billing', 'ledger.tokens', {
    /** Wallets where sales are paid, each with the last block of whose moves is asked. */
    request: z.object({ wallets: z.array(z.object({ address: evmAddress, block: z.int().nonnegative() })).max(walletsMax).default([]) }),
    reply: z.object({ currency: z.string(), nanosPerUnit: nanos, escrowUnits: signedUnits, depositUnits: signedUnits, creditUnits: signedUnits, wallets: z.array(walletInBooks).default([]) }),
  }),
  /** The last comparison, of all or of one organisation's payer. Error: NOT_FOUND (none was made yet). */
  last: defineCall('settlement', 'reconciliation.last', { request: z.object({ tenant: uuid.nullable() }), reply: reconciliation }),
} as const;
