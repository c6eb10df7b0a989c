import { Injectable, Logger } from '@nestjs/common';
import { placeOf } from '#chain';
import type { AllowedPayees } from '#chain';
import { ChainLink, inBatches } from '../chain/chain-link.js';
import type { TimedBlock } from '../chain/chain-link.js';
import { mandateOf, problemOf, refusalOf, standingAt } from './delegation.js';
import type { DelegationAt, Mandate } from './delegation.js';
import { PayerKeys } from './payer-keys.js';

/** A delegation as it was found when the chain was looked at last. */
export interface KnownDelegation extends DelegationAt {
  /** The first final block at which this process found it so. */
  readonly sinceBlock: number;
  readonly problem: string | null;
}

/** What the escrow lets the delegates do whose keys are here. */
@Injectable()
export class Delegates {
  private readonly logger = new Logger(Delegates.name);
  private readonly known = new Map<string, KnownDelegation>();
  private lookedAt = -1;

  constructor(
    private readonly chain: ChainLink,
    private readonly keys: PayerKeys,
  ) {}

  /** What a statement of the payer is held to that credits payees of these indices; null when its own key signs. Errors: DELEGATE_UNUSABLE, CHAIN_UNAVAILABLE. */
  async mandate(payer: string, indices: Iterable<number> = []): Promise<Mandate | null> {
    const delegate = this.keys.delegateOf(payer);
    if (delegate === null) return null;
    const [final, newest] = await this.both(payer, delegate, indices);
    return mandateOf({ payer, delegate }, final, newest);
  }

  /** Why each of these payees (index by EIP-55 address, null: not registered) may not be paid for a payer by its delegate. Whom it may pay is not in it, nor anybody when the payer's own key signs. Error: CHAIN_UNAVAILABLE. */
  async refusals(payer: string, payees: ReadonlyMap<string, number | null>): Promise<Map<string, string>> {
    const delegate = this.keys.delegateOf(payer);
    if (delegate === null || payees.size === 0) return new Map();
    const [final, newest] = await this.both(payer, delegate, [...payees.values()].filter((index) => index !== null));
    return new Map([...payees].flatMap(([address, index]) => {
      const refusal = refusalOf(payer, index, final, newest);
      return refusal === null ? [] : [[address, refusal]];
    }));
  }

  /** As last looked at; null before, and for payers whose own key signs. */
  of(payer: string): KnownDelegation | null {
    return this.known.get(payer) ?? null;
  }

  /** Looks whether the chain lets each delegate sign, and says so when that has changed. Error: CHAIN_UNAVAILABLE. */
  async round(): Promise<void> {
    const payers = this.keys.delegated();
    if (payers.length === 0) return;
    const final = await this.chain.finalized();
    if (final.number === this.lookedAt) return;
    for (const some of inBatches(payers)) await Promise.all(some.map((payer) => this.look(payer, final)));
    this.lookedAt = final.number;
  }

  private async look(payer: string, final: TimedBlock): Promise<void> {
    const who = { payer, delegate: this.keys.delegateOf(payer)! };
    const before = this.known.get(payer);
    const found = await this.read(payer, who.delegate, final, []);
    const problem = problemOf(who, found);
    const sinceBlock = before !== undefined && isSame(before, found) ? before.sinceBlock : final.number;
    this.known.set(payer, { ...found, sinceBlock, problem });
    const said = before === undefined ? undefined : standingAt(before);
    if (said === standingAt(found)) return;
    if (problem === null) this.logger.log(`${who.delegate} signs for payer ${payer}: at most ${found.limits.epochCap} units a statement, ${found.limits.minInterval} seconds apart`);
    else this.logger.warn(`no statement of payer ${payer} is signed: ${problem}`);
  }

  private async both(payer: string, delegate: string, indices: Iterable<number>): Promise<[DelegationAt, DelegationAt]> {
    const words = [...new Set([...indices].map((index) => placeOf(index).word))];
    const [final, newest] = await Promise.all([this.chain.finalized(), this.chain.latest()]);
    return Promise.all([this.read(payer, delegate, final, words), this.read(payer, delegate, newest, words)]);
  }

  private async read(payer: string, delegate: string, { number, atSeconds }: TimedBlock, wanted: readonly number[]): Promise<DelegationAt> {
    const { escrow } = this.chain;
    const [times, limits] = await Promise.all([escrow.delegate(payer, delegate, number), escrow.limits(payer, number)]);
    const words = new Map<number, AllowedPayees>();
    for (const some of inBatches(wanted)) {
      const found = await Promise.all(some.map((word) => escrow.allowedPayees(payer, word, number)));
      for (const [place, allowed] of found.entries()) words.set(some[place]!, allowed);
    }
    return { times, limits, words, block: number, atSeconds };
  }
}

/** The last statement's time is no change of what is allowed. */
const isSame = (one: DelegationAt, other: DelegationAt): boolean =>
  standingAt(one) === standingAt(other) &&
  one.times.liveFrom === other.times.liveFrom &&
  one.times.liveUntil === other.times.liveUntil &&
  (['epochCap', 'minInterval', 'nextCap', 'nextMinInterval', 'nextAt'] as const).every((field) => one.limits[field] === other.limits[field]);
