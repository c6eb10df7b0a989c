import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox, Serve } from '#messaging';
import { failure, invoiceCalls, operatorRecord } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { TenantRecords } from '../records/tenant-records.service.js';
import { PartiesStore } from './parties.store.js';
import { isEuropean } from './tax-rates.js';
import { isVatNumberOf } from './vat-number.js';

const rateCursor = /^([A-Z]{3}):(\d{1,15})$/;

@Controller()
export class PartiesRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(PartiesStore) private readonly parties: PartiesStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  @Serve(invoiceCalls.putSeller)
  async putSeller({ actor, id, seller }: RequestOf<typeof invoiceCalls.putSeller>): Promise<ReplyOf<typeof invoiceCalls.putSeller>> {
    await withTenant(this.dataSource, '*', async (manager) => {
      await this.parties.putSeller(manager, id, seller);
      // The deployment's entries are open to everybody, and bank details are not everybody's business.
      const { name, registrationId, vatId, numberPrefix } = seller;
      await this.outbox.record(manager, operatorRecord({ id: this.ids.uuid(), type: 'parties.changed', timeMs: this.clock.nowMs(), fields: { keyId: actor.keyId, seller: id, name, registrationId, vatId, numberPrefix }, facts: null }));
    });
    this.outbox.kick();
    return { id, seller };
  }

  @Serve(invoiceCalls.listSellers)
  async listSellers(page: RequestOf<typeof invoiceCalls.listSellers>): Promise<ReplyOf<typeof invoiceCalls.listSellers>> {
    const rows = await withTenant(this.dataSource, '*', (manager) => this.parties.sellers(manager, { ...page, limit: page.limit + 1 }));
    return { data: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
  }

  @Serve(invoiceCalls.putBuyer)
  async putBuyer({ actor, tenant, seller, buyer }: RequestOf<typeof invoiceCalls.putBuyer>): Promise<ReplyOf<typeof invoiceCalls.putBuyer>> {
    const { country, vatId } = buyer;
    if (vatId !== null && isEuropean(country) && !isVatNumberOf(country, vatId)) {
      throw failure('REQUEST_INVALID', `${vatId} is no VAT number of ${country}: its prefix, form or checksum is wrong; give the right one, or null for a buyer without one`, { param: 'vatId' });
    }
    await withTenant(this.dataSource, tenant, async (manager) => {
      await this.parties.seller(manager, seller);
      await this.parties.putBuyer(manager, tenant, seller, buyer);
      await this.outbox.record(manager, await this.records.seal(tenant, { id: this.ids.uuid(), type: 'parties.changed', timeMs: this.clock.nowMs(), fields: { actor, seller, buyer }, facts: null }));
    });
    this.outbox.kick();
    return { tenant, seller, buyer };
  }

  @Serve(invoiceCalls.getBuyer)
  async getBuyer({ tenant }: RequestOf<typeof invoiceCalls.getBuyer>): Promise<ReplyOf<typeof invoiceCalls.getBuyer>> {
    const found = await withTenant(this.dataSource, tenant, (manager) => this.parties.buyer(manager, tenant));
    if (!found) throw failure('NOT_FOUND', 'nobody has said whom invoices of this organisation go to', { tenant });
    return { tenant, ...found };
  }

  @Serve(invoiceCalls.putRate)
  async putRate({ actor, rate }: RequestOf<typeof invoiceCalls.putRate>): Promise<ReplyOf<typeof invoiceCalls.putRate>> {
    await withTenant(this.dataSource, '*', async (manager) => {
      if (!(await this.parties.putRate(manager, rate))) return;
      const fields = { keyId: actor.keyId, ...rate, nanosPerUsd: rate.nanosPerUsd.toString() };
      await this.outbox.record(manager, operatorRecord({ id: this.ids.uuid(), type: 'rate.set', timeMs: this.clock.nowMs(), fields, facts: null }));
    });
    this.outbox.kick();
    return rate;
  }

  /** Error: REQUEST_INVALID. */
  @Serve(invoiceCalls.listRates)
  async listRates({ currency, after, limit }: RequestOf<typeof invoiceCalls.listRates>): Promise<ReplyOf<typeof invoiceCalls.listRates>> {
    const from = after === undefined ? null : rateCursor.exec(after);
    if (after !== undefined && !from) throw failure('REQUEST_INVALID', '`after` is a currency and a time, as EUR:1767225600000', { param: 'after' });
    const rows = await withTenant(this.dataSource, '*', (manager) => this.parties.rates(manager, { currency, after: from && [from[1]!, from[2]!], limit: limit + 1 }));
    return { data: rows.slice(0, limit), hasMore: rows.length > limit };
  }
}
