import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '#kernel';
import { OfferNetworks } from '../prices/offer-networks.service.js';
import type { Transfer } from '../ledger/transfer.js';
import { holdTransfer } from './holdback-transfers.js';
import type { HeldAmount } from './holdback-transfers.js';
import { HoldbacksStore } from './holdbacks.store.js';
import { heldOf, ruleFor } from './rule-for.js';

/** What a machine earned by one record. */
export type Earned = Omit<HeldAmount, 'amountNanos'> & { readonly offer: string; readonly earnedNanos: bigint };

/** Keeps a share of what is earned back, in the transaction that books it. */
@Injectable()
export class Holding {
  constructor(
    @Inject(OfferNetworks) private readonly networks: OfferNetworks,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(HoldbacksStore) private readonly store: HoldbacksStore,
  ) {}

  /** Notes what is held of new charges; answers the transfers that hold it, for the caller to post with the charges. */
  async hold(manager: EntityManager, earned: readonly Earned[]): Promise<Transfer[]> {
    const rules = await this.store.rules(manager);
    if (rules.length === 0) return [];
    const holdbacks = earned.flatMap(({ earnedNanos, offer, ...of }) => {
      const rule = ruleFor(rules, of.node, this.networks.of(offer));
      const amountNanos = rule ? heldOf(earnedNanos, rule) : 0n;
      return amountNanos > 0n ? [{ ...of, amountNanos, releaseAtMs: this.clock.nowMs() + rule!.holdMs }] : [];
    });
    if (holdbacks.length === 0) return [];
    await this.store.insert(manager, holdbacks);
    return holdbacks.map(holdTransfer);
  }
}
