import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { ReplyOf, RequestOf, schedulerCalls } from '#protocol';
import { withTenant } from '#service';
import { NodeStore } from '../nodes/nodes.store.js';
import { offerToWire } from './offer.js';
import { OfferStore } from './offers.store.js';

type ListOffers = typeof schedulerCalls.listOffers;

@Injectable()
export class Offers {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(OfferStore) private readonly offers: OfferStore,
    @Inject(NodeStore) private readonly nodes: NodeStore,
  ) {}

  list(request: RequestOf<ListOffers>): Promise<ReplyOf<ListOffers>> {
    return withTenant(this.dataSource, '*', async (manager) => {
      const found = await this.offers.page(manager, request.after, request.limit + 1);
      const page = found.slice(0, request.limit);
      const nodes = new Map((await this.nodes.findMany(manager, page.map(({ node }) => node))).map((node) => [node.id, node]));
      return { data: page.map((offer) => offerToWire(offer, nodes.get(offer.node)!)), hasMore: found.length > request.limit };
    });
  }
}
