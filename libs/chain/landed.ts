import type { Escrow } from './escrow.js';
import type { Credit, EpochStatement } from './statement.js';

/** Whether the escrow credits everybody with at least what a statement says, and in sum, as of an epoch no lower. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
export async function hasLanded(escrow: Escrow, { payer, epoch, cumulativeTotal }: EpochStatement, credits: readonly Credit[]): Promise<boolean> {
  const state = await escrow.payer(payer);
  if (state.epoch < epoch || state.cumulativeTotal < cumulativeTotal) return false;
  for (const { index, cumulative } of credits) if ((await escrow.credit(payer, index)).cumulative < cumulative) return false;
  return true;
}
