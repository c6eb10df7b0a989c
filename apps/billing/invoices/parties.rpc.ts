import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { failure, invoiceCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { PartiesStore } from './parties.store.js';

@Controller()
export class PartiesRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(PartiesStore) private readonly parties: PartiesStore,
  ) {}

  @Serve(invoiceCalls.putSeller)
  async putSeller({ id, seller }: RequestOf<typeof invoiceCalls.putSeller>): Promise<ReplyOf<typeof invoiceCalls.putSeller>> {
    await withTenant(this.dataSource, '*', (manager) => this.parties.putSeller(manager, id, seller));
    return { id, seller };
  }

  @Serve(invoiceCalls.listSellers)
  async listSellers(page: RequestOf<typeof invoiceCalls.listSellers>): Promise<ReplyOf<typeof invoiceCalls.listSellers>> {
    const rows = await withTenant(this.dataSource, '*', (manager) => this.parties.sellers(manager, { ...page, limit: page.limit + 1 }));
    return { data: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
  }

  @Serve(invoiceCalls.putBuyer)
  async putBuyer({ tenant, seller, buyer }: RequestOf<typeof invoiceCalls.putBuyer>): Promise<ReplyOf<typeof invoiceCalls.putBuyer>> {
    await withTenant(this.dataSource, tenant, async (manager) => {
      await this.parties.seller(manager, seller);
      await this.parties.putBuyer(manager, tenant, seller, buyer);
    });
    return { tenant, seller, buyer };
  }

  @Serve(invoiceCalls.getBuyer)
  async getBuyer({ tenant }: RequestOf<typeof invoiceCalls.getBuyer>): Promise<ReplyOf<typeof invoiceCalls.getBuyer>> {
    const found = await withTenant(this.dataSource, tenant, (manager) => this.parties.buyer(manager, tenant));
    if (!found) throw failure('NOT_FOUND', 'nobody has said whom invoices of this organisation go to', { tenant });
    return { tenant, ...found };
  }

  @Serve(invoiceCalls.putRate)
  async putRate({ rate }: RequestOf<typeof invoiceCalls.putRate>): Promise<ReplyOf<typeof invoiceCalls.putRate>> {
    await withTenant(this.dataSource, '*', (manager) => this.parties.putRate(manager, rate));
    return rate;
  }
}
