import { Body, Controller, Get, Put, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Clock } from '#kernel';
import { Caller } from '#messaging';
import { savingsCalls, savingsReport } from '#protocol';
import type { ReplyOf, SavingsReport } from '#protocol';
import { Authorise, askedTenant, deployment } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { OneTenant } from '../access/resource-tenant.js';
import { periodQuery } from '../costs/usage-query.js';
import { Replies } from '../http/replies.js';

const newTable = savingsCalls.putTable.request.omit({ actor: true });

/** All that was paid against what clouds ask for the same work; the table is the operator's. */
@Controller('v1')
export class SavingsController {
  constructor(
    private readonly caller: Caller,
    private readonly clock: Clock,
  ) {}

  /** Hours of UTC that begin in the period. Error: SERVICE_UNAVAILABLE. */
  @Get('savings')
  @Authorise('budget.read', askedTenant)
  @Replies('What was paid, gas included, against the list prices of a dated table: cheaper or dearer, model by model', savingsReport)
  report(@OneTenant() tenant: string, @Query({ schema: periodQuery }) query: z.output<typeof periodQuery>): Promise<SavingsReport> {
    return this.caller.call(savingsCalls.report, { tenant, fromMs: query.start_time * 1_000, toMs: query.end_time === undefined ? this.clock.nowMs() : query.end_time * 1_000 });
  }

  @Get('baselines')
  @Authorise('price.read', deployment)
  @Replies('The table of prices that reports are made with', savingsCalls.getTable.reply)
  table(): Promise<ReplyOf<typeof savingsCalls.getTable>> {
    return this.caller.call(savingsCalls.getTable, {});
  }

  @Put('baselines')
  @Authorise('price.write', deployment)
  @Replies('Replaces the table; without prices the built-in ones stay', savingsCalls.putTable.reply)
  put(@CurrentPrincipal() principal: Principal, @Body({ schema: newTable }) body: z.output<typeof newTable>): Promise<ReplyOf<typeof savingsCalls.putTable>> {
    return this.caller.call(savingsCalls.putTable, { ...body, actor: actorOf(principal) });
  }
}
