import { isoOf, placeOf, standingOf } from '#chain';
import type { AllowedPayees, DelegateLimits, DelegateStanding, DelegateTimes } from '#chain';
import type { DomainError } from '#kernel';
import { failure } from '#protocol';
import type { HeldBack } from '#protocol';

/** Payees that an error names, with what to do about each. */
const namedMax = 5;

/** What the escrow lets a payer's delegate do, at one block. */
export interface DelegationAt {
  readonly times: DelegateTimes;
  readonly limits: DelegateLimits;
  /** By word of the allow-list, those that were asked for. */
  readonly words: ReadonlyMap<number, AllowedPayees>;
  readonly block: number;
  /** The block's time, Unix seconds. */
  readonly atSeconds: bigint;
}

/** Who signs for whom. EIP-55. */
export interface Delegated {
  readonly payer: string;
  readonly delegate: string;
}

/** What a statement that a delegate signs is held to. */
export interface Mandate extends Delegated {
  /** Units that one statement may credit in all. */
  readonly unitsMax: bigint;
  /** No statement lands in a block of before. Unix seconds. */
  readonly notBefore: bigint;
  /** The newest block's time. */
  readonly atSeconds: bigint;
  /** Whether the payee of this index may be credited. */
  allows(index: number): boolean;
}

export const standingAt = ({ times, atSeconds }: DelegationAt): DelegateStanding => standingOf(times, atSeconds);

/** Why the escrow would take nothing of this delegate, and what to do; null when it would. */
export function problemOf({ payer, delegate }: Delegated, at: DelegationAt): string | null {
  const standing = standingAt(at);
  const other = "or put another delegate's key in SETTLEMENT_DELEGATE_KEYS";
  switch (standing) {
    case 'live':
      return null;
    case 'unknown':
      return `the escrow does not know ${delegate} as a delegate of payer ${payer} at block ${at.block}: the payer calls addDelegate(${delegate}), ${other}`;
    case 'announced':
      return `${delegate} is a delegate of payer ${payer} from ${isoOf(at.times.liveFrom)} on: its statements are signed when a block of then is final`;
    case 'revoked':
    case 'ended':
      return `payer ${payer} has revoked its delegate ${delegate} (what it signed lands until ${isoOf(at.times.liveUntil)}): the payer calls addDelegate again, ${other}`;
  }
}

/**
 * The stricter of what holds at a final block and at the newest: what lands is judged by a block that comes after both. Error: DELEGATE_UNUSABLE.
 */
export function mandateOf(who: Delegated, final: DelegationAt, newest: DelegationAt): Mandate {
  const problem = problemOf(who, final) ?? problemOf(who, newest);
  if (problem !== null) throw failure('DELEGATE_UNUSABLE', problem, { ...who, block: final.block });
  const both = [final, newest];
  return {
    ...who,
    unitsMax: both.map(({ limits }) => limits.epochCap).reduce((a, b) => (a < b ? a : b)),
    notBefore: both.map(({ limits }) => nextAt(limits)).reduce((a, b) => (a > b ? a : b)),
    atSeconds: newest.atSeconds,
    allows: (index) => both.every(({ words }) => isAllowed(words, index)),
  };
}

/** In the second of the last statement, gas would be estimated as if its time had been written already. */
const nextAt = ({ lastAt, minInterval }: DelegateLimits): bigint => (lastAt === 0n ? 0n : lastAt + (minInterval > 1n ? minInterval : 1n));

function isAllowed(words: ReadonlyMap<number, AllowedPayees>, index: number): boolean {
  const { word, bit } = placeOf(index);
  return ((words.get(word)?.bits ?? 0n) & bit) !== 0n;
}

/** The interval between two statements is over. Error: DELEGATE_LIMITED; its details say when it will be, by the chain's time, and how long that is. */
export function requireInterval({ payer, notBefore, atSeconds }: Mandate): void {
  if (atSeconds >= notBefore) return;
  throw failure('DELEGATE_LIMITED', `a statement of a delegate of payer ${payer} lands from ${isoOf(notBefore)} on: the payer keeps them apart by its minInterval`, { notBeforeMs: Number(notBefore) * 1_000, waitMs: Number(notBefore - atSeconds) * 1_000 });
}

/** How long it is until a delegate may sign again, of a refusal that says so. */
export function waitMsOf(error: unknown): number | null {
  const { code, details } = error as { code?: unknown; details?: { waitMs?: unknown } };
  return code === 'DELEGATE_LIMITED' && typeof details?.waitMs === 'number' ? details.waitMs : null;
}

/** Why a drawn statement would be refused by the escrow when this delegate signs it; null when it would not. `indices` by EIP-55 address. */
export function beyondMandate(totalUnits: bigint, indices: ReadonlyMap<string, number>, { payer, unitsMax, allows }: Mandate): string | null {
  if (totalUnits > unitsMax) return `it credits ${totalUnits} units, and payer ${payer} lets a delegate credit ${unitsMax} at a time`;
  const refused = [...indices].filter(([, index]) => !allows(index)).map(([address, index]) => `${address} (payee ${index})`);
  return refused.length === 0 ? null : `payer ${payer} does not let a delegate pay ${refused.join(', ')}`;
}

/** Why a payee may not be paid by a delegate, and what to do; null when it may. `index` null: it is not registered. */
export function refusalOf(payer: string, index: number | null, final: DelegationAt, newest: DelegationAt): string | null {
  if (index === null) return `is not registered in the escrow yet, and its payer allows its delegate payees by their index: registration is begun when the next epoch is`;
  if ([final, newest].every(({ words }) => isAllowed(words, index))) return null;
  const { word, bit } = placeOf(index);
  const announced = newest.words.get(word);
  const admit = `admitPayees(${payer}, ${word})`;
  if (announced && (announced.announced & bit) !== 0n) return `payer ${payer} has announced payee ${index} to its delegates: from ${isoOf(announced.admissibleAt)} on anybody may call ${admit}`;
  if (isAllowed(newest.words, index)) return `payer ${payer} has allowed payee ${index} to its delegates, in a block that is not final yet`;
  return `payer ${payer} does not let a delegate pay payee ${index}: it calls allowPayees(${word}, 0x${bit.toString(16)}), and ${admit} when the thaw time is over`;
}

/** Why nothing was drawn though something is owed: the delegate may credit nothing, or none of those who are owed; null when it is not the delegate's limits. Gives a DELEGATE_LIMITED. */
export function nobodyWithin({ payer, unitsMax }: Mandate, payable: readonly string[], heldBack: readonly HeldBack[]): DomainError | null {
  if (payable.length > 0 && unitsMax === 0n) return failure('DELEGATE_LIMITED', `payer ${payer} lets its delegate credit nothing: it calls setLimits`);
  const refused = heldBack.flatMap(({ payee, reasons }) => reasons.filter(({ kind }) => kind === 'not-allowed').map(({ detail }) => `${payee}: ${detail}`));
  if (payable.length > 0 || refused.length === 0) return null;
  const more = refused.length > namedMax ? `; and ${refused.length - namedMax} more, see GET /v1/payouts/held` : '';
  return failure('DELEGATE_LIMITED', `nobody who is owed something may be paid by the delegate of payer ${payer}: ${refused.slice(0, namedMax).join('; ')}${more}`);
}
