import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { billingCalls, completenessCalls, failure, uuid } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { AdmissionsStore } from '../admissions/admissions.store.js';
import { ChargesStore } from './charges.store.js';
import { PostedChargesStore } from './posted-charges.store.js';

type Calls = typeof completenessCalls;

/** Invoices of one answer: eight years of months. */
const invoicesMax = 100;

@Controller()
export class ChargesRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ChargesStore) private readonly charges: ChargesStore,
    @Inject(AdmissionsStore) private readonly admissions: AdmissionsStore,
    @Inject(PostedChargesStore) private readonly posted: PostedChargesStore,
  ) {}

  /** Errors: NOT_FOUND, RECORD_PENDING (admitted, not ended yet). */
  @Serve(billingCalls.getCharge)
  get({ tenant, record }: RequestOf<typeof billingCalls.getCharge>): Promise<ReplyOf<typeof billingCalls.getCharge>> {
    return withTenant(this.dataSource, tenant, async (manager) => {
      const charge = await this.charges.find(manager, record);
      if (charge) return charge;
      if (await this.admissions.exists(manager, record)) throw failure('RECORD_PENDING', 'the request is admitted and its charge not booked yet; try again shortly', { record });
      throw failure('NOT_FOUND', 'there is no charge for this record', { record });
    });
  }

  @Serve(completenessCalls.chargesOf)
  of({ tenant, records }: RequestOf<Calls['chargesOf']>): Promise<ReplyOf<Calls['chargesOf']>> {
    return withTenant(this.dataSource, tenant, async (manager) => ({ data: await this.posted.of(manager, tenant, records) }));
  }

  /** Error: REQUEST_INVALID. */
  @Serve(completenessCalls.charges)
  list({ after, limit, ...asked }: RequestOf<Calls['charges']>): Promise<ReplyOf<Calls['charges']>> {
    const last = after === undefined ? null : lastOf(after);
    return withTenant(this.dataSource, asked.tenant, async (manager) => {
      const found = await this.posted.list(manager, asked, last, limit + 1);
      return { data: found.slice(0, limit), hasMore: found.length > limit };
    });
  }

  /** Error: REQUEST_INVALID (too many invoices to answer). */
  @Serve(completenessCalls.invoiced)
  invoiced({ tenant, fromMs, toMs }: RequestOf<Calls['invoiced']>): Promise<ReplyOf<Calls['invoiced']>> {
    return withTenant(this.dataSource, tenant, async (manager) => {
      const data = await this.posted.invoiced(manager, tenant, fromMs, toMs, invoicesMax + 1);
      if (data.length > invoicesMax) throw failure('REQUEST_INVALID', `more than ${invoicesMax} invoices are of this period: ask for a part of it`, { param: 'toMs' });
      return { data };
    });
  }
}

/** Error: REQUEST_INVALID. */
function lastOf(after: string): { atMs: number; record: string } {
  const [, atMs, record] = /^(\d{1,15}):(.+)$/.exec(after) ?? [];
  const id = uuid.safeParse(record);
  if (atMs === undefined || !id.success) throw failure('REQUEST_INVALID', '"after" is <chargedAtMs>:<record> of the last charge of the page before', { param: 'after' });
  return { atMs: Number(atMs), record: id.data };
}
