import { Controller, Get, Header, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Caller } from '#messaging';
import { month as monthText, reportCalls, signedReport } from '#protocol';
import type { SignedReport } from '#protocol';
import { Authorise, askedTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf, readerOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { OneTenant } from '../access/resource-tenant.js';
import { tenantQuery } from '../http/list-query.js';
import { Replies, RepliesBytes } from '../http/replies.js';

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
}
