import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure, operatorRecord, priceReplica } from '#protocol';
import type { TokenPrices } from '#protocol';
import { withTenant } from '#service';
import { newPriceVersion } from './price.js';
import type { PriceVersion } from './price.js';
import { PricesStore } from './prices.store.js';

@Injectable()
export class PricesService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(PricesStore) private readonly prices: PricesStore,
  ) {}

  /** Gives an offer a new price from now on. Errors: NOT_FOUND, NODE_REVOKED, AMOUNT_INVALID. */
  async put(offer: string, prices: TokenPrices, keyId: string | null): Promise<PriceVersion> {
    const price = await withTenant(this.dataSource, '*', async (manager) => {
      const state = await this.prices.lockOffer(manager, offer);
      if (state === 'unknown') throw failure('NOT_FOUND', 'there is no such offer', { offer });
      if (state === 'revoked') throw failure('NODE_REVOKED', 'the node of this offer is revoked', { offer });
      return this.change(manager, offer, prices, keyId);
    });
    this.outbox.kick();
    return price;
  }

  /** Lists the offers of a node that joined, at what it asks. */
  async listAsks(manager: EntityManager, node: string, asks: readonly (TokenPrices & { id: string; model: string })[]): Promise<void> {
    await this.prices.lockNode(manager, node);
    for (const ask of asks) {
      await this.prices.addOffer(manager, ask.id, node, ask.model);
      const state = await this.prices.lockOffer(manager, ask.id);
      if (state === 'listed' && !(await this.prices.inForce(manager, ask.id))) await this.change(manager, ask.id, ask, null);
    }
  }

  /** Takes the prices of a revoked node off the market; jobs admitted under them keep them. */
  async delist(manager: EntityManager, node: string): Promise<void> {
    await this.prices.lockNode(manager, node);
    for (const offer of await this.prices.revoke(manager, node)) {
      await this.prices.end(manager, offer, this.clock.nowMs());
      await this.outbox.replica(manager, priceReplica, offer, null);
    }
  }

  /** A page of versions, oldest first. */
  async list(page: { after?: string | undefined; limit: number; offer?: string | undefined }): Promise<{ data: PriceVersion[]; hasMore: boolean }> {
    const rows = await withTenant(this.dataSource, '*', (manager) => this.prices.list(manager, { ...page, limit: page.limit + 1 }));
    return { data: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
  }

  private async change(manager: EntityManager, offer: string, prices: TokenPrices, keyId: string | null): Promise<PriceVersion> {
    const price = newPriceVersion(this.ids.uuid(), offer, prices, this.clock.nowMs());
    await this.prices.end(manager, offer, price.validFromMs);
    await this.prices.insert(manager, price);
    const { validToMs: _, ...value } = price;
    await this.outbox.replica(manager, priceReplica, offer, value);
    const fields = { ...value, inputNanosPerMillion: value.inputNanosPerMillion.toString(), outputNanosPerMillion: value.outputNanosPerMillion.toString(), keyId };
    await this.outbox.record(manager, operatorRecord({ id: price.version, type: 'price.set', timeMs: price.validFromMs, fields, facts: null }));
    return price;
  }
}
