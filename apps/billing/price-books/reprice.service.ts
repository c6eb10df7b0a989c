import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { Outbox } from '#messaging';
import { PeriodicTask, SERVICE_CONFIG, withTenant } from '#service';
import type { BillingConfig } from '../billing-config.js';
import { PricesService } from '../prices/prices.service.js';
import { PricesStore } from '../prices/prices.store.js';
import { PriceBooksStore } from './price-books.store.js';

/** Offers given new prices in one transaction: each is a version, an entry of the log and a replica. */
const offersPerRound = 100;

/** Brings every offer to the price book in force: when one begins, and when the network of an offer becomes known. */
@Injectable()
export class Reprice extends PeriodicTask {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) config: BillingConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(PriceBooksStore) private readonly books: PriceBooksStore,
    @Inject(PricesStore) private readonly prices: PricesStore,
    @Inject(PricesService) private readonly service: PricesService,
  ) {
    super(config.BILLING_SWEEP_MS);
  }

  /** Answers how many offers have a new price. */
  async runOnce(): Promise<number> {
    let changed = 0;
    for (let after: string | null = null; !this.isStopping; ) {
      const { offers, repriced } = await this.round(after);
      changed += repriced;
      if (offers.length < offersPerRound) break;
      after = offers.at(-1)!;
    }
    if (changed > 0) this.outbox.kick();
    return changed;
  }

  private round(after: string | null): Promise<{ offers: string[]; repriced: number }> {
    return withTenant(this.dataSource, '*', async (manager) => {
      const book = await this.books.inForce(manager, this.clock.nowMs());
      if (!book) return { offers: [], repriced: 0 };
      const offers = await this.prices.notOfBook(manager, book.id, after, offersPerRound);
      let repriced = 0;
      for (const offer of offers) if (await this.service.reprice(manager, offer)) repriced += 1;
      return { offers, repriced };
    });
  }
}
