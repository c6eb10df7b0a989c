import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, Ids } from '#kernel';
import type { MeterPrices } from '#kernel';
import { Outbox } from '#messaging';
import { askOf, failure, meterPricesJson, operatorRecord, priceReplica } from '#protocol';
import type { PricedBy } from '#protocol';
import { withTenant } from '#service';
import { PriceBooksStore } from '../price-books/price-books.store.js';
import { priced } from '../price-books/priced.js';
import { OfferNetworks } from './offer-networks.service.js';
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
    @Inject(PriceBooksStore) private readonly books: PriceBooksStore,
    @Inject(OfferNetworks) private readonly networks: OfferNetworks,
  ) {}

  /** The offer stays locked. Errors: NOT_FOUND, NODE_REVOKED. */
  async requireListed(manager: EntityManager, offer: string): Promise<void> {
    const state = await this.prices.lockOffer(manager, offer);
    if (state === 'unknown') throw failure('NOT_FOUND', 'there is no such offer', { offer });
    if (state === 'revoked') throw failure('NODE_REVOKED', 'the node of this offer is revoked', { offer });
  }

  /** Gives an offer a new price from now on, in the caller's transaction over all tenants; `undefined` where it has left the market. Error: AMOUNT_INVALID. */
  async changeIfListed(manager: EntityManager, offer: string, prices: MeterPrices, keyId: string | null): Promise<PriceVersion | undefined> {
    return (await this.prices.lockOffer(manager, offer)) === 'listed' ? this.change(manager, offer, prices, keyId) : undefined;
  }

  /** Lists the offers of a node that joined, at what it asks. */
  async listAsks(manager: EntityManager, node: string, asks: readonly (MeterPrices & { id: string; model: string })[]): Promise<void> {
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
      await this.outbox.record(manager, operatorRecord({ id: this.ids.uuid(), type: 'price.withdrawn', timeMs: this.clock.nowMs(), fields: { offer, node }, facts: null }));
    }
  }

  /** A page of versions, oldest first. */
  async list(page: { after?: string | undefined; limit: number; offer?: string | undefined }): Promise<{ data: PriceVersion[]; hasMore: boolean }> {
    const rows = await withTenant(this.dataSource, '*', (manager) => this.prices.list(manager, { ...page, limit: page.limit + 1 }));
    return { data: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
  }

  /** Brings an offer's price to the book in force; `false` when it is. The caller's transaction is over all tenants. */
  async reprice(manager: EntityManager, offer: string): Promise<boolean> {
    if ((await this.prices.lockOffer(manager, offer)) !== 'listed') return false;
    const before = await this.prices.inForce(manager, offer);
    if (!before) return false;
    const { by } = await this.pricedNow(manager, offer, askOf(before));
    if (before.book?.book === by?.book && before.book?.network === by?.network) return false;
    await this.change(manager, offer, askOf(before), null);
    return true;
  }

  /** What organisations pay where a machine asks `ask`, by the book in force. */
  private async pricedNow(manager: EntityManager, offer: string, ask: MeterPrices): Promise<{ price: MeterPrices; by?: PricedBy | undefined }> {
    const book = await this.books.inForce(manager, this.clock.nowMs());
    return book ? priced(ask, book, await this.prices.modelOf(manager, offer), this.networks.of(offer)) : { price: ask };
  }

  /** `ask`: what the machine gets. */
  private async change(manager: EntityManager, offer: string, ask: MeterPrices, keyId: string | null): Promise<PriceVersion> {
    // An ask that no book can hold is refused before anything is added to it.
    newPriceVersion(offer, offer, ask, 0);
    const { price: prices, by } = await this.pricedNow(manager, offer, ask);
    const price = newPriceVersion(this.ids.uuid(), offer, prices, this.clock.nowMs(), by);
    await this.prices.end(manager, offer, price.validFromMs);
    await this.prices.insert(manager, price);
    const { validToMs: _, book, ...value } = price;
    await this.outbox.replica(manager, priceReplica, offer, { ...value, ...(book && { book }) });
    const { requestNanos, meters, ...told } = value;
    const fields = { ...told, inputNanosPerMillion: value.inputNanosPerMillion.toString(), outputNanosPerMillion: value.outputNanosPerMillion.toString(), ...feeOf({ requestNanos }), ...(meters && { meters: meterPricesJson(meters) }), ...(book && { book: madeOf(book) }), keyId };
    await this.outbox.record(manager, operatorRecord({ id: price.version, type: 'price.set', timeMs: price.validFromMs, fields, facts: null }));
    return price;
  }
}

const feeOf = ({ requestNanos }: { requestNanos?: bigint | undefined }): Record<string, string> => (requestNanos === undefined ? {} : { requestNanos: requestNanos.toString() });
const madeOf = ({ requestNanos, askMeters, ...by }: PricedBy) => ({ ...by, ...feeOf({ requestNanos }), ...(askMeters && { askMeters: meterPricesJson(askMeters) }), askInputNanosPerMillion: by.askInputNanosPerMillion.toString(), askOutputNanosPerMillion: by.askOutputNanosPerMillion.toString() });
