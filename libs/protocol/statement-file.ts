import { z } from 'zod';
import { conversionRate } from './conversion.js';
import { evmAddress, tokenUnits } from './scalars.js';

const bytes32 = z.string().regex(/^0x[0-9a-fA-F]{64}$/, '32 bytes of hex');

/**
 * A signed epoch statement as it is handed to the payees it names: all that anybody needs, beside an RPC endpoint, to put it on
 * chain, to withdraw what it credits, and to take the payer's deposit out. Amounts are units of the escrow, counts as decimal text.
 */
export const statementFile = z.object({
  format: z.literal('mizan-statement/1'),
  chainId: z.int().positive(),
  escrow: evmAddress,
  /** Fields of the contract's `EpochStatement`. */
  statement: z.object({
    payer: evmAddress,
    epoch: tokenUnits,
    listHash: bytes32,
    cumulativeTotal: tokenUnits,
    registryHash: bytes32,
    auditRoot: bytes32,
    auditSize: tokenUnits,
    /** Unix seconds. */
    validUntil: tokenUnits,
  }),
  /** Packed (uint32 index, uint64 cumulative) in ascending order, hex. */
  list: z.string().regex(/^0x([0-9a-fA-F]{24})*$/, 'packed items of 12 bytes, in hex'),
  signature: z.string().regex(/^0x([0-9a-fA-F]{2})+$/, 'hex'),
  /** The delegate whose signature it is: the escrow takes it within the limits that the payer has set. Absent: the payer's own. */
  signer: evmAddress.optional(),
  /** Whom the list names, for people to read. */
  payees: z.array(z.object({ address: evmAddress, cumulativeUnits: tokenUnits })),
  /** At which dollars that are owed became units of this epoch; not signed. Absent in files of before there were rates. */
  rate: conversionRate.optional(),
});
export type StatementFile = z.output<typeof statementFile>;
