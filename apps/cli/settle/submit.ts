import { escrowCalls, sendCall } from '#chain';
import type { SettleSession } from './settle-session.js';

export interface Submitted {
  readonly payer: string;
  readonly epoch: bigint;
  /** False: the escrow held all of its totals already, and nothing was sent. */
  readonly sent: boolean;
  readonly tx: string | null;
  readonly gasUsed: bigint | null;
  readonly payees: number;
}

/** Puts a statement on chain; the sender pays the gas and gains nothing by it. Error: the escrow refuses it (CHAIN_REJECTED). */
export async function submit({ file, credits, escrow, wallet }: SettleSession): Promise<Submitted> {
  const { statement, list, signature } = file;
  const done = { payer: statement.payer, epoch: statement.epoch, payees: credits.length };
  if (await holds({ file, credits, escrow })) return { ...done, sent: false, tx: null, gasUsed: null };
  const receipt = await sendCall(wallet, escrow.address, escrowCalls.settle(statement, list, signature));
  return { ...done, sent: true, tx: receipt.hash, gasUsed: receipt.gasUsed };
}

/** Whether the escrow credits everybody with at least what the statement says, and in sum. */
async function holds({ file, credits, escrow }: Pick<SettleSession, 'file' | 'credits' | 'escrow'>): Promise<boolean> {
  const { payer, cumulativeTotal, epoch } = file.statement;
  const state = await escrow.payer(payer);
  if (state.epoch < epoch || state.cumulativeTotal < cumulativeTotal) return false;
  for (const { index, cumulative } of credits) if ((await escrow.credit(payer, index)).cumulative < cumulative) return false;
  return true;
}
