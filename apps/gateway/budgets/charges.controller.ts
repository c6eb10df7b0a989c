import { Controller, Get, Param, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { billingCalls, charge, uuid } from '#protocol';
import { Authorise, askedTenant } from '../access/authorise.js';
import { OneTenant } from '../access/resource-tenant.js';
import { tenantQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

@Controller('v1/charges')
export class ChargesController {
  constructor(private readonly caller: Caller) {}

  @Get(':record')
  @Authorise('budget.read', askedTenant)
  @Replies('What a request cost', charge)
  get(
    @OneTenant() tenant: string,
    @Param('record', { schema: uuid }) record: string,
    @Query({ schema: tenantQuery }) _query: unknown,
  ): Promise<z.output<typeof charge>> {
    return this.caller.call(billingCalls.getCharge, { tenant, record });
  }
}
