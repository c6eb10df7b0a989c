import { escrowCalls, escrowInterface, hasLanded, isoOf, namingRefusals, sendCall, standingOf } from '#chain';
import { isDomainError } from '#kernel';
import { failure } from '#protocol';
import { signerOf } from './settle-session.js';
import type { SettleSession } from './settle-session.js';

export interface Submitted {
  readonly payer: string;
  /** Whose signature it is: the payer's, or a delegate's; null: no key's that the file names, and the escrow asks the payer's wallet. */
  readonly signer: string | null;
  readonly epoch: bigint;
  /** False: the escrow held all of its totals already, and nothing was sent. */
  readonly sent: boolean;
  readonly tx: string | null;
  readonly gasUsed: bigint | null;
  readonly payees: number;
}

/** Puts a statement on chain; the sender pays the gas and gains nothing by it. Errors: its signer is no delegate of its payer now; the escrow refuses it (CHAIN_REJECTED, with what to do). */
export async function submit(session: SettleSession): Promise<Submitted> {
  const { file, credits, escrow, wallet } = session;
  const { statement, list, signature } = file;
  const signer = signerOf(file);
  const done = { payer: statement.payer, signer: signer?.address ?? null, epoch: statement.epoch, payees: credits.length };
  if (await hasLanded(escrow, statement, credits)) return { ...done, sent: false, tx: null, gasUsed: null };
  if (signer?.isDelegate) await requireDelegate(session, signer.address);
  const receipt = await advising(() => namingRefusals(() => sendCall(wallet, escrow.address, escrowCalls.settle(statement, list, signature)), escrowInterface));
  return { ...done, sent: true, tx: receipt.hash, gasUsed: receipt.gasUsed };
}

/** By the escrow's error, what whoever holds the file can do. */
const advice: Readonly<Record<string, string>> = {
  IntervalNotOver: "the payer keeps its delegate's statements apart: submit it again when that time (Unix seconds) is over",
  EpochCapExceeded: "the payer lets its delegate credit less at a time by now: it can raise the limit (mizan delegate limits) and the file be submitted again while it is valid, or a smaller statement is signed in its place; fetch again",
  PayeeNotAllowed: 'the payer does not let its delegate pay this payee, by its index: it can allow it (mizan delegate allow), or sign a statement itself; fetch again',
  EpochStale: 'a later statement of the payer has landed, and this one can land no more: fetch the newest one, which pays what this one did not',
  StatementExpired: 'its time is over: fetch again, for what is unpaid is signed anew',
  DepositInsufficient: "the payer's deposit is too small for it: submit it again when the payer has deposited",
  TotalFell: 'a later statement of the payer has landed, and this one can land no more: fetch the newest one',
  SignatureWrong: 'neither the payer nor a delegate of it signed it: nothing can be done with this file',
};

async function advising<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const what = isDomainError(error, 'CHAIN_REJECTED') ? advice[String(error.details['revert'])] : undefined;
    if (what === undefined) throw error;
    const { message, details } = error as Error & { details: Record<string, unknown> };
    throw failure('CHAIN_REJECTED', `${message}: ${what}`, details, error);
  }
}

/** The escrow would say only that the signature is wrong. */
async function requireDelegate({ file, escrow, provider }: SettleSession, delegate: string): Promise<void> {
  const { payer } = file.statement;
  const [times, block] = await Promise.all([escrow.delegate(payer, delegate), provider.getBlock('latest')]);
  const standing = standingOf(times, BigInt(block!.timestamp));
  if (standing === 'unknown') throw new Error(`the statement is signed by ${delegate}, whom ${payer} has not made a delegate: it cannot land`);
  if (standing === 'ended') throw new Error(`the statement is signed by ${delegate}, whom ${payer} has revoked: it could land until ${isoOf(times.liveUntil)}`);
  if (standing === 'announced') throw new Error(`the statement is signed by ${delegate}, a delegate of ${payer} from ${isoOf(times.liveFrom)} on: submit it then`);
}
