import { Controller, Get, Header, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Caller } from '#messaging';
import { month as monthText, reportCalls, signedReport } from '#protocol';
import type { ReplyOf, SignedReport } from '#protocol';
import { Authorise, askedTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf, readerOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { OneTenant } from '../access/resource-tenant.js';
import { tenantQuery } from '../http/list-query.js';
import { Replies, RepliesBytes } from '../http/replies.js';

const supplementNumber = z.coerce.number<string>().int().min(1).max(1_000_000);

/** Monthly reports for auditors, signed with the log's key. */
@Controller('v1/audit/reports')
export class ReportsController {
  constructor(private readonly caller: Caller) {}

  /** Error: REQUEST_INVALID when the month is not over. */
  @Get(':month')
  @Authorise('log.export', askedTenant)
  @Replies('What ran where, under which law, refusals, overrides, approvals and payments of a month, signed; always the same', signedReport)
  get(@CurrentPrincipal() principal: Principal, @OneTenant() tenant: string, @Param('month', { schema: monthText }) month: string, @Query({ schema: tenantQuery }) _query: unknown): Promise<SignedReport> {
    return this.caller.call(reportCalls.get, { actor: actorOf(principal), reader: readerOf(principal), tenant, month });
  }

  /** Error: REQUEST_INVALID when the month is not over. */
  @Get(':month/pdf')
  @Authorise('log.export', askedTenant)
  @Header('content-type', 'application/pdf')
  @RepliesBytes('The same as a PDF', 'application/pdf')
  async pdf(@CurrentPrincipal() principal: Principal, @OneTenant() tenant: string, @Param('month', { schema: monthText }) month: string, @Query({ schema: tenantQuery }) _query: unknown, @Res() reply: FastifyReply): Promise<void> {
    const { bytes } = await this.caller.call(reportCalls.pdf, { actor: actorOf(principal), reader: readerOf(principal), tenant, month });
    await reply.header('content-disposition', `attachment; filename="audit-${month}.pdf"`).type('application/pdf').send(Buffer.from(bytes, 'base64'));
  }

  /** Error: NOT_FOUND when there is no report of the month. */
  @Get(':month/supplements')
  @Authorise('log.export', askedTenant)
  @Replies('What came into the log after the report of the month was made, in numbered and signed supplements', reportCalls.supplements.reply)
  supplements(@CurrentPrincipal() principal: Principal, @OneTenant() tenant: string, @Param('month', { schema: monthText }) month: string, @Query({ schema: tenantQuery }) _query: unknown): Promise<ReplyOf<typeof reportCalls.supplements>> {
    return this.caller.call(reportCalls.supplements, { actor: actorOf(principal), reader: readerOf(principal), tenant, month });
  }

  /** Error: NOT_FOUND. */
  @Get(':month/supplements/:number')
  @Authorise('log.export', askedTenant)
  @Replies('One supplement, signed as the report is; always the same', signedReport)
  supplement(
    @CurrentPrincipal() principal: Principal,
    @OneTenant() tenant: string,
    @Param('month', { schema: monthText }) month: string,
    @Param('number', { schema: supplementNumber }) number: number,
    @Query({ schema: tenantQuery }) _query: unknown,
  ): Promise<SignedReport> {
    return this.caller.call(reportCalls.supplement, { actor: actorOf(principal), reader: readerOf(principal), tenant, month, number });
  }

  /** Error: NOT_FOUND. */
  @Get(':month/supplements/:number/pdf')
  @Authorise('log.export', askedTenant)
  @Header('content-type', 'application/pdf')
  @RepliesBytes('The same as a PDF', 'application/pdf')
  async supplementPdf(
    @CurrentPrincipal() principal: Principal,
    @OneTenant() tenant: string,
    @Param('month', { schema: monthText }) month: string,
    @Param('number', { schema: supplementNumber }) number: number,
    @Query({ schema: tenantQuery }) _query: unknown,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { bytes } = await this.caller.call(reportCalls.supplementPdf, { actor: actorOf(principal), reader: readerOf(principal), tenant, month, number });
    await reply.header('content-disposition', `attachment; filename="audit-${month}-supplement-${number}.pdf"`).type('application/pdf').send(Buffer.from(bytes, 'base64'));
  }
}
