import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { billingCalls, failure } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { AdmissionsStore } from '../admissions/admissions.store.js';
import { ChargesStore } from './charges.store.js';

@Controller()
export class ChargesRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ChargesStore) private readonly charges: ChargesStore,
    @Inject(AdmissionsStore) private readonly admissions: AdmissionsStore,
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
}
