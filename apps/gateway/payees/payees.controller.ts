import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import { Clock } from '#kernel';
import { Caller } from '#messaging';
import { evmAddress, payeeCalls, payeeStatement } from '#protocol';
import type { PayeeStatement, RequestOf } from '#protocol';
import { Authorise, askedTenant } from '../access/authorise.js';
import { AllowedTenant } from '../access/resource-tenant.js';
import { periodQuery } from '../costs/usage-query.js';
import { Replies, RepliesBytes } from '../http/replies.js';

/** What those who are paid earned, by their address. */
@Controller('v1/payees')
export class PayeesController {
  constructor(
    private readonly caller: Caller,
    private readonly clock: Clock,
  ) {}

  @Get(':payee/statement')
  @Authorise('payout.read', askedTenant)
  @Replies('What a payee earned in a period, what was drawn for the chain, and what is owed before and after', payeeStatement)
  statement(@AllowedTenant() tenant: string | null, @Param('payee', { schema: evmAddress }) payee: string, @Query({ schema: periodQuery }) query: z.output<typeof periodQuery>): Promise<PayeeStatement> {
    return this.caller.call(payeeCalls.statement, this.asked(tenant, payee, query));
  }

  @Get(':payee/statement/pdf')
  @Authorise('payout.read', askedTenant)
  @RepliesBytes('The same as a PDF', 'application/pdf')
  async pdf(@AllowedTenant() tenant: string | null, @Param('payee', { schema: evmAddress }) payee: string, @Query({ schema: periodQuery }) query: z.output<typeof periodQuery>, @Res() reply: FastifyReply): Promise<void> {
    const { name, bytes, sha256 } = await this.caller.call(payeeCalls.statementFile, this.asked(tenant, payee, query));
    await reply.header('content-disposition', `attachment; filename="${name}"`).header('etag', `"${sha256}"`).type('application/pdf').send(Buffer.from(bytes, 'base64'));
  }

  private asked(tenant: string | null, payee: string, query: z.output<typeof periodQuery>): RequestOf<typeof payeeCalls.statement> {
    return { payee, tenant, fromMs: query.start_time * 1_000, toMs: query.end_time === undefined ? this.clock.nowMs() : query.end_time * 1_000 };
  }
}
