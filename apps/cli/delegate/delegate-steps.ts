import { escrowCalls, escrowInterface, finalBlock, isoOf, namingRefusals, placeOf, rulesOf, sendCall, standingOf } from '#chain';
import type { AllowedPayees, DelegateStanding } from '#chain';
import { DomainError, isDomainError } from '#kernel';
import { accountOf, toAmount, toUnits } from '../contract/contract-session.js';
import type { EscrowSession } from '../contract/escrow-session.js';

/** Revoking ends a key that was stolen too late: its statements land until the thaw time is over, those that it signs from now on too. */
const revokedNote = 'until then the key can sign new statements within the limits: `limits 0 SECONDS` stops at once that they credit anybody, and `drop` that they credit a payee';

async function sent({ escrow, wallet }: EscrowSession, data: string): Promise<string> {
  return (await namingRefusals(() => sendCall(wallet!, escrow.address, data), escrowInterface)).hash;
}

/** How a delegate of a payer stands, what it may credit at a time (amounts of the token) and how often, and which of the named payees it may pay. */
export async function showDelegate(session: EscrowSession, payer: string, delegate: string, payees: readonly string[]): Promise<{ readonly standing: DelegateStanding; readonly [shown: string]: unknown }> {
  const { escrow, provider } = session;
  const block = (await provider.getBlock('latest'))!;
  const [{ liveFrom, liveUntil }, limits] = await Promise.all([escrow.delegate(accountOf(payer), accountOf(delegate), block.number), escrow.limits(accountOf(payer), block.number)]);
  const standing = standingOf({ liveFrom, liveUntil }, BigInt(block.timestamp));
  const { epochCap, minInterval, nextCap, nextMinInterval, nextAt, lastAt } = limits;
  return {
    payer: accountOf(payer),
    delegate: accountOf(delegate),
    standing,
    from: liveFrom === 0n ? null : isoOf(liveFrom),
    until: standing === 'revoked' || standing === 'ended' ? isoOf(liveUntil) : null,
    cap: toAmount(session, epochCap),
    secondsApart: Number(minInterval),
    next: nextAt === 0n ? null : { cap: toAmount(session, nextCap), secondsApart: Number(nextMinInterval), from: isoOf(nextAt) },
    lastStatement: lastAt === 0n ? null : isoOf(lastAt),
    payees: await Promise.all(payees.map((payee) => showPayee(session, accountOf(payer), payee, block.number))),
    block: block.number,
  };
}

async function showPayee({ escrow }: EscrowSession, payer: string, payee: string, at: number): Promise<object> {
  const index = await escrow.indexOf(accountOf(payee), at);
  if (index === null) return { payee: accountOf(payee), index, allowed: false, admissibleFrom: null };
  const { word, bit } = placeOf(index);
  const { bits, announced, admissibleAt } = await escrow.allowedPayees(payer, word, at);
  return { payee: accountOf(payee), index, allowed: (bits & bit) !== 0n, admissibleFrom: (announced & bit) === 0n ? null : isoOf(admissibleAt) };
}

/** Changes the key's own delegate, and shows what came of it: what gives it more may begin after the thaw time. */
export async function changeDelegate(session: EscrowSession, change: 'addDelegate' | 'revokeDelegate', delegate: string): Promise<object> {
  const tx = await sent(session, escrowCalls[change](accountOf(delegate)));
  const shown = await showDelegate(session, session.wallet!.address, delegate, []);
  return { tx, ...shown, ...(shown.standing === 'revoked' && { note: revokedNote }) };
}

/** Errors: no amount of the token; no whole number of seconds. */
export async function setLimits(session: EscrowSession, cap: string, secondsApart: string): Promise<object> {
  if (!/^\d{1,10}$/.test(secondsApart) || Number(secondsApart) >= 2 ** 32) throw new Error(`"${secondsApart}" is no number of seconds below 2^32`);
  const tx = await sent(session, escrowCalls.setLimits(toUnits(session, cap), Number(secondsApart)));
  const { epochCap, minInterval, nextCap, nextMinInterval, nextAt } = await session.escrow.limits(session.wallet!.address);
  return { tx, cap: toAmount(session, epochCap), secondsApart: Number(minInterval), next: nextAt === 0n ? null : { cap: toAmount(session, nextCap), secondsApart: Number(nextMinInterval), from: isoOf(nextAt) } };
}

type Change = 'allowPayees' | 'dropPayees' | 'admit';

/** Payees of one word of the allow-list. */
interface Word {
  readonly word: number;
  readonly bits: bigint;
}

/**
 * Changes whom the delegates of a payer may pay, 256 payees to a transaction; where nothing would change, nothing is sent. `admit`: what `payer` announced; anybody may. Errors: a payee that is not
 * registered, or (to allow it) not at a final block; the escrow refuses (CHAIN_REJECTED, with the transactions that went before).
 */
export async function changePayees(session: EscrowSession, change: Change, payer: string, payees: readonly string[]): Promise<object> {
  const { escrow, provider } = session;
  const txs: string[] = [];
  const restarted: number[] = [];
  try {
    for (const { word, bits } of await wordsOf(session, change, payees)) {
      const before = await escrow.allowedPayees(accountOf(payer), word);
      const changed = await changedBy(session, change, payer, bits, before);
      if (changed === 0n) continue;
      txs.push(await sent(session, change === 'admit' ? escrowCalls.admitPayees(accountOf(payer), word) : escrowCalls[change](word, changed)));
      if (change === 'allowPayees') restarted.push(...(await restartedBy(session, payer, word, before)));
    }
  } catch (error) {
    if (txs.length === 0 || !isDomainError(error)) throw error;
    throw new DomainError(error.code, error.kind, `${error.message}; sent before: ${txs.join(', ')}. Give the command again: what is done is not done twice`, { ...error.details, txs }, { cause: error });
  }
  const block = await provider.getBlockNumber();
  return { txs, ...(restarted.length > 0 && { restarted: `the thaw time of payees announced before begins again: ${restarted.join(', ')}` }), payees: await Promise.all(payees.map((payee) => showPayee(session, accountOf(payer), payee, block))) };
}

/** An index that is not final may become another payee's. The brake does not wait for that. */
async function wordsOf({ escrow, provider }: EscrowSession, change: Change, payees: readonly string[]): Promise<Word[]> {
  const final = change === 'allowPayees' ? (await finalBlock(provider, rulesOf((await provider.getNetwork()).chainId).finality)).number : null;
  const words = new Map<number, bigint>();
  for (const payee of payees) {
    const index = await escrow.indexOf(accountOf(payee));
    if (index === null) throw new Error(`${accountOf(payee)} is not registered in the escrow: it gets its index when a statement is to pay it`);
    if (final !== null && (await escrow.indexOf(accountOf(payee), final)) !== index) throw new Error(`${accountOf(payee)} is registered in a block that is not final yet, and its index may still become another payee's: allow it when it is final`);
    const { word, bit } = placeOf(index);
    words.set(word, (words.get(word) ?? 0n) | bit);
  }
  return [...words].map(([word, bits]) => ({ word, bits }));
}

/** Which of these payees the change would change: to announce again what is announced would only restart its clock. */
async function changedBy({ escrow }: EscrowSession, change: Change, payer: string, bits: bigint, { bits: allowed, announced }: AllowedPayees): Promise<bigint> {
  if (change === 'dropPayees') return bits & (allowed | announced);
  if (change === 'admit') return bits & announced;
  const fresh = bits & ~allowed;
  // Without a deposit they are allowed at once, those announced before too.
  const isAtOnce = (fresh & announced) !== 0n && (await escrow.payer(accountOf(payer))).available === 0n;
  return isAtOnce ? fresh : fresh & ~announced;
}

/** Indices of payees whose time until they are admitted begins again: the clock is that of a whole word. */
async function restartedBy({ escrow }: EscrowSession, payer: string, word: number, before: AllowedPayees): Promise<number[]> {
  const { announced } = await escrow.allowedPayees(accountOf(payer), word);
  const both = before.announced & announced;
  return Array.from({ length: 256 }, (_, place) => place).filter((place) => ((both >> BigInt(place)) & 1n) === 1n).map((place) => word * 256 + place);
}
