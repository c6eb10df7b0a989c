import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Replicas, type ReplicaView } from '#messaging';
import { offerReplica, priceReplica, type OfferEntry, type PriceEntry } from '#protocol';

/** What is on offer now, and at what price. */
@Injectable()
export class Market implements OnModuleInit {
  private views: Promise<[ReplicaView<OfferEntry>, ReplicaView<PriceEntry>]> | undefined;

  constructor(private readonly replicas: Replicas) {}

  /** Begins to follow the replicas; they may not be there yet, and nothing else waits for them. */
  onModuleInit(): void {
    this.views = Promise.all([this.replicas.view(offerReplica), this.replicas.view(priceReplica)]);
  }

  async now(): Promise<{ offers: Iterable<OfferEntry>; priceOf: (offer: string) => PriceEntry | undefined }> {
    const [offers, prices] = await this.views!;
    return { offers: offers.entries().values(), priceOf: (offer) => prices.get(offer) };
  }
}
