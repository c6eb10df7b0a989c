import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import { Replicas, ReplicaView } from '#messaging';
import { offerReplica } from '#protocol';
import type { OfferEntry } from '#protocol';

/** Of which network offers are, as the market says. */
@Injectable()
export class OfferNetworks implements OnModuleInit {
  private offers = new ReplicaView<OfferEntry>();

  constructor(@Inject(Replicas) private readonly replicas: Replicas) {}

  async onModuleInit(): Promise<void> {
    this.offers = await this.replicas.view(offerReplica);
  }

  /** `undefined`: it is not known, or not any more. */
  of(offer: string): string | undefined {
    return this.offers.get(offer)?.network;
  }
}
