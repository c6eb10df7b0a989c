import { z } from 'zod';
import { defineEvent } from './define.js';
import { evmAddress, sha256Hex, signedUnits, tokenUnits, txHash, uuid } from './scalars.js';
import { chainPosition } from './settlement.js';

/** What came to a wallet where sales are paid, or left it, and is no sale; base units, below zero of what was sent away. */
export const walletTransfer = z.object({
  counterparty: evmAddress,
  baseUnits: signedUnits,
  tx: txHash,
  blockNumber: z.int().nonnegative(),
  /** Of x402: brought by another server than the deployment's own gateways. */
  payment: sha256Hex.nullable(),
});

/** A wallet where sales are paid, at the block that was compared; in base units of the token. */
export const reconciledWallet = z.object({
  address: evmAddress,
  /** Whose sales are paid there; null before the first one. */
  tenant: uuid.nullable(),
  block: z.int().nonnegative(),
  heldBaseUnits: tokenUnits,
  /** What it held before the first block that was read. */
  openingBaseUnits: signedUnits,
  salesBaseUnits: tokenUnits,
  /** By no sale. */
  otherBaseUnits: tokenUnits,
  sentBaseUnits: tokenUnits,
  /** Came, and may be a sale that is not told yet; or nobody sold anything there so far. */
  openBaseUnits: signedUnits,
  /** By the books, in units: sales, and all else together. */
  ledgerSaleUnits: signedUnits,
  ledgerOtherUnits: signedUnits,
  /** The newest that are no sales. */
  transfers: z.array(walletTransfer),
});
export type ReconciledWallet = z.output<typeof reconciledWallet>;

/** Of one wallet by the books, up to a block; `heldUnits` is the balance of its accounts, `movedUnits` the sum of all that moved them. */
export const walletInBooks = z.object({ address: evmAddress, saleUnits: signedUnits, otherUnits: signedUnits, heldUnits: signedUnits, movedUnits: signedUnits });
export type WalletInBooks = z.output<typeof walletInBooks>;

export const walletEvents = {
  /**
   * Units of the escrow's that a final transfer brought to a wallet where sales are paid, or took from it (below zero), and that no sale brought; or, below what was told before, what the
   * chain took back of either. `move` names it: told again it is the same.
   */
  moved: defineEvent('settlement', 'wallet-moved', z.object({ move: uuid, tenant: uuid, wallet: evmAddress, counterparty: evmAddress, units: signedUnits, of: z.enum(['sale', 'other']), payment: sha256Hex.nullable(), at: chainPosition })),
} as const;
