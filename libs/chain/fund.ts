import type { Provider, Signer, TransactionReceipt } from 'ethers';
import { reaching } from './chain-failure.js';
import { Escrow, escrowCalls } from './escrow.js';
import { tokenCalls } from './token.js';

/** Longest wait for a transaction to be mined. */
const minedMs = 60_000;

/** Sends one call and waits until it is mined. For deployments, samples and tests; services keep a durable outbox. */
export async function sendCall(signer: Signer, to: string, data: string): Promise<TransactionReceipt> {
  return reaching(async () => {
    const sent = await signer.sendTransaction({ to, data });
    return (await sent.wait(1, minedMs))!;
  });
}

/**
 * Mints test dollars to the payer and deposits them: three transactions by the payer's own key.
 * Returns the receipt of the deposit. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED.
 */
export async function depositTestDollars(payer: Signer, escrowAddress: string, units: bigint): Promise<TransactionReceipt> {
  const { token, unit } = await new Escrow(escrowAddress, payer.provider as Provider).constants();
  const amount = units * unit;
  await sendCall(payer, token, tokenCalls.mint(await payer.getAddress(), amount));
  await sendCall(payer, token, tokenCalls.approve(escrowAddress, amount));
  return sendCall(payer, escrowAddress, escrowCalls.deposit(units));
}
