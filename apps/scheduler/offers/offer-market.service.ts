import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { assert } from '#kernel';
import { Outbox } from '#messaging';
import { offerReplica } from '#protocol';
import type { Node } from '../nodes/node.js';
import { NodeStore } from '../nodes/nodes.store.js';
import { offerToWire } from './offer.js';
import type { Offer } from './offer.js';
import { OfferStore } from './offers.store.js';

/** What gateways see of the offers: rewritten in the transaction of each change, and only then. */
@Injectable()
export class OfferMarket {
  constructor(
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OfferStore) private readonly offers: OfferStore,
    @Inject(NodeStore) private readonly nodes: NodeStore,
  ) {}

  async publish(manager: EntityManager, node: Node, offers: readonly Offer[]): Promise<void> {
    for (const offer of offers) await this.outbox.replica(manager, offerReplica, offer.id, offerToWire(offer, node));
  }

  /** Offers of any nodes. */
  async publishAll(manager: EntityManager, offers: readonly Offer[]): Promise<void> {
    const nodes = new Map((await this.nodes.findMany(manager, [...new Set(offers.map(({ node }) => node))])).map((node) => [node.id, node]));
    for (const offer of offers) {
      const node = nodes.get(offer.node);
      assert(node !== undefined, 'an offer has a node');
      await this.publish(manager, node, [offer]);
    }
  }

  /** Takes all offers of a node away for good. */
  async withdraw(manager: EntityManager, node: string, nowMs: number): Promise<void> {
    for (const offer of await this.offers.withdraw(manager, node, nowMs)) await this.outbox.replica(manager, offerReplica, offer.id, null);
  }
}
