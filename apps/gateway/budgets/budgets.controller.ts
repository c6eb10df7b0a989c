import { Body, Controller, Get, Param, Put, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { billingCalls, budget, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const newBudget = billingCalls.putBudget.request.pick({ project: true, limitNanos: true });

@Controller('v1/organisations/:tenant/budgets')
export class BudgetsController {
  constructor(private readonly caller: Caller) {}

  @Put()
  @Authorise('budget.write', pathTenant)
  @Replies("Sets the limit of a project's budget", budget)
  put(
    @CurrentPrincipal() principal: Principal,
    @Param('tenant', { schema: uuid }) tenant: string,
    @Body({ schema: newBudget }) body: z.output<typeof newBudget>,
  ): Promise<z.output<typeof budget>> {
    return this.caller.call(billingCalls.putBudget, { actor: actorOf(principal), tenant, ...body });
  }

  @Get()
  @Authorise('budget.read', pathTenant)
  @Replies('Budgets of an organisation, by id', billingCalls.listBudgets.reply)
  list(@Param('tenant', { schema: uuid }) tenant: string, @Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof billingCalls.listBudgets>> {
    return this.caller.call(billingCalls.listBudgets, { ...page, tenant });
  }
}
