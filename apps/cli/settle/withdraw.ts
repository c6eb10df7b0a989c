import { escrowCalls, sendCall } from '#chain';
import type { SettleSession } from './settle-session.js';

export interface WithdrawnCredit {
  readonly payee: string;
  readonly index: number;
  readonly to: string;
  readonly units: bigint;
  readonly tx: string;
  readonly gasUsed: bigint;
}

/**
 * Pays the sender, a payee, all that the statement's payer has credited to it. Errors: it is no payee of this escrow; nothing is
 * credited that it has not drawn (submit the statement first).
 */
export async function withdraw({ file, escrow, wallet }: SettleSession, to = wallet.address): Promise<WithdrawnCredit> {
  const index = await escrow.indexOf(wallet.address);
  if (index === null) throw new Error(`${wallet.address} is no payee of ${escrow.address}`);
  const { payer } = file.statement;
  const { cumulative, drawn } = await escrow.credit(payer, index);
  if (cumulative === drawn) throw new Error(`${payer} has credited nothing to ${wallet.address} that is not drawn: submit the statement first`);
  const receipt = await sendCall(wallet, escrow.address, escrowCalls.withdraw([payer], index, to));
  const units = escrow.eventsOf([...receipt.logs]).reduce((sum, event) => (event.name === 'Withdrawn' ? sum + event.units : sum), 0n);
  return { payee: wallet.address, index, to, units, tx: receipt.hash, gasUsed: receipt.gasUsed };
}
