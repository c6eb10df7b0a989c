import { escrowCalls, sendCall } from '#chain';
import type { SettleSession } from './settle-session.js';

export interface Exit {
  readonly payer: string;
  /** What this run did: asked for the deposit, waits for the thaw, took what had thawed, or found nothing left. */
  readonly step: 'thawing' | 'waiting' | 'withdrawn' | 'empty';
  readonly units: bigint;
  /** From when the thawing deposit may leave, Unix seconds; null when nothing thaws. */
  readonly thawEndsAt: bigint | null;
  readonly tx: string | null;
}

/**
 * Takes the sender's deposit out, one step a run: asks for all of it, and after the thaw sends it to `to`. Statements may still take
 * from it until it has left. Run it again until it is empty.
 */
export async function exit({ escrow, wallet, provider }: Pick<SettleSession, 'escrow' | 'wallet' | 'provider'>, to = wallet.address): Promise<Exit> {
  const payer = wallet.address;
  const { available, thawing, thawEndsAt } = await escrow.payer(payer);
  if (available === 0n) return { payer, step: 'empty', units: 0n, thawEndsAt: null, tx: null };
  if (thawing === 0n) {
    const { hash } = await sendCall(wallet, escrow.address, escrowCalls.thaw(available));
    const after = await escrow.payer(payer);
    return { payer, step: 'thawing', units: after.thawing, thawEndsAt: after.thawEndsAt, tx: hash };
  }
  // The chain's clock decides, not this machine's.
  const now = BigInt((await provider.getBlock('latest'))!.timestamp);
  if (now < thawEndsAt) return { payer, step: 'waiting', units: thawing, thawEndsAt, tx: null };
  const { hash } = await sendCall(wallet, escrow.address, escrowCalls.withdrawDeposit(to));
  return { payer, step: 'withdrawn', units: thawing, thawEndsAt: null, tx: hash };
}
