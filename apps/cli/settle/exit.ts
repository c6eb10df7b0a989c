import { escrowCalls, escrowInterface, isoOf, namingRefusals, sendCall } from '#chain';
import type { PayerState } from '#chain';
import { accountOf, toAmount } from '../contract/contract-session.js';
import type { EscrowSession } from '../contract/escrow-session.js';

export interface Exit {
  readonly payer: string;
  /** What this run did, or a call would do: asked for the deposit, waits for the thaw, took what had thawed, or found nothing left. */
  readonly step: 'thawing' | 'waiting' | 'withdrawn' | 'empty';
  readonly units: bigint;
  /** The same in the token. */
  readonly amount: string;
  /** From when the thawing deposit may leave, Unix seconds; null when nothing thaws. */
  readonly thawEndsAt: bigint | null;
  readonly tx: string | null;
  readonly next: string;
}

/** A transaction for whoever holds the payer's key to send: a hardware wallet, or a wallet that is a contract. */
export interface Call {
  readonly chainId: number;
  readonly from: string;
  readonly to: string;
  readonly value: '0';
  readonly data: string;
}

interface Step {
  readonly step: Exit['step'];
  readonly units: bigint;
  /** Call data; null: nothing is to be sent now. */
  readonly data: string | null;
}

/** What comes next for a payer that leaves. `nowSeconds`: the chain's own clock. */
export function exitStep({ available, thawing, thawEndsAt }: Pick<PayerState, 'available' | 'thawing' | 'thawEndsAt'>, nowSeconds: bigint, to: string): Step {
  if (available === 0n) return { step: 'empty', units: 0n, data: null };
  if (thawing === 0n) return { step: 'thawing', units: available, data: escrowCalls.thaw(available) };
  if (nowSeconds < thawEndsAt) return { step: 'waiting', units: thawing, data: null };
  return { step: 'withdrawn', units: thawing, data: escrowCalls.withdrawDeposit(to) };
}

/**
 * Takes the sender's deposit out, one step a run: asks for all of it, and after the thaw sends it to `to`. Statements may still take
 * from it until it has left. Run it again until it is empty.
 */
export async function exit(session: EscrowSession, to?: string): Promise<Exit> {
  const payer = session.wallet!.address;
  const { step, units, data } = await stepOf(session, payer, to);
  const tx = data === null ? null : (await namingRefusals(() => sendCall(session.wallet!, session.escrow.address, data), escrowInterface)).hash;
  const after = await session.escrow.payer(payer);
  return shown(session, payer, step, step === 'thawing' ? after.thawing : units, after, tx);
}

/** The same without a key: the transaction that is next is given back, not sent. `call` is null when there is none now. */
export async function exitCall(session: EscrowSession, from: string, to?: string): Promise<Omit<Exit, 'tx'> & { readonly call: Call | null }> {
  const payer = accountOf(from);
  const state = await session.escrow.payer(payer);
  const { step, units, data } = await stepOf(session, payer, to);
  const { tx: _, ...exit } = shown(session, payer, step, units, state, null);
  const { chainId } = await session.provider.getNetwork();
  return { ...exit, call: data === null ? null : { chainId: Number(chainId), from: payer, to: session.escrow.address, value: '0', data } };
}

async function stepOf({ escrow, provider }: EscrowSession, payer: string, to: string | undefined): Promise<Step> {
  // The chain's clock decides, not this machine's.
  const [state, block] = await Promise.all([escrow.payer(payer), provider.getBlock('latest')]);
  return exitStep(state, BigInt(block!.timestamp), to === undefined ? payer : accountOf(to));
}

function shown(session: EscrowSession, payer: string, step: Exit['step'], units: bigint, { thawing, thawEndsAt }: PayerState, tx: string | null): Exit {
  const ends = thawing === 0n ? null : thawEndsAt;
  return { payer, step, units, amount: toAmount(session, units), thawEndsAt: ends, tx, next: nextOf(step, payer, ends) };
}

function nextOf(step: Exit['step'], payer: string, thawEndsAt: bigint | null): string {
  switch (step) {
    case 'empty':
      return `${payer} has no deposit here: nothing is left to do`;
    case 'thawing':
      return thawEndsAt === null ? 'when this is mined and the thaw time over, run it again' : `run it again after ${isoOf(thawEndsAt)}; statements that were signed may take from the deposit until then`;
    case 'waiting':
      return `run it again after ${isoOf(thawEndsAt!)}`;
    case 'withdrawn':
      return 'run it again until it says that it is empty: what came in meanwhile leaves by the same way';
  }
}
