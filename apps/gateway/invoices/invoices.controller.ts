import { Body, Controller, Delete, Get, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Caller } from '#messaging';
import { invoice, invoiceCalls, uuid } from '#protocol';
import type { Invoice, ReplyOf } from '#protocol';
import { Authorise, askedTenant, bodyTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { AllowedTenant, OneTenant } from '../access/resource-tenant.js';
import { tenantPageQuery, tenantQuery } from '../http/list-query.js';
import type { TenantPageQuery } from '../http/list-query.js';
import { Replies, RepliesBytes } from '../http/replies.js';

const ofTenant = z.object({ tenant: uuid });
const newInvoice = invoiceCalls.draft.request;
const newCredit = invoiceCalls.credit.request.omit({ invoice: true });
const newPayment = invoiceCalls.pay.request.omit({ invoice: true, actor: true });
const newReversal = invoiceCalls.reversePayment.request.omit({ invoice: true, payment: true, actor: true });

/** What organisations are billed. Drafts may change; what is issued never does. */
@Controller('v1/invoices')
export class InvoicesController {
  constructor(private readonly caller: Caller) {}

  /** Errors: INVOICE_IMPOSSIBLE, NOTHING_DUE. */
  @Post()
  @Authorise('invoice.write', bodyTenant)
  @Replies('Drafts the invoice of a period; the same period again is the same invoice', invoice, 201)
  draft(@OneTenant() tenant: string, @Body({ schema: newInvoice }) body: z.output<typeof newInvoice>): Promise<Invoice> {
    return this.caller.call(invoiceCalls.draft, { ...body, tenant });
  }

  @Get()
  @Authorise('invoice.read', askedTenant)
  @Replies('Invoices and credit notes, newest first', invoiceCalls.list.reply)
  list(@AllowedTenant() tenant: string | null, @Query({ schema: tenantPageQuery }) page: TenantPageQuery): Promise<ReplyOf<typeof invoiceCalls.list>> {
    return this.caller.call(invoiceCalls.list, { ...page, tenant });
  }

  @Get(':id')
  @Authorise('invoice.read', askedTenant)
  @Replies('One invoice: what it says, and what was paid on it', invoiceCalls.get.reply)
  get(@OneTenant() tenant: string, @Param('id', { schema: uuid }) id: string, @Query({ schema: tenantQuery }) _query: unknown): Promise<ReplyOf<typeof invoiceCalls.get>> {
    return this.caller.call(invoiceCalls.get, { tenant, id });
  }

  /** Errors: NOT_FOUND, CONFLICT. */
  @Delete(':id')
  @Authorise('invoice.write', askedTenant)
  @Replies('Withdraws a draft: what it would have taken in is for the next one', invoice)
  withdraw(@OneTenant() tenant: string, @Param('id', { schema: uuid }) id: string, @Query({ schema: tenantQuery }) _query: unknown): Promise<Invoice> {
    return this.caller.call(invoiceCalls.withdraw, { tenant, id });
  }

  @Get(':id/pdf')
  @Authorise('invoice.read', askedTenant)
  @RepliesBytes('An issued invoice as a PDF, always the same bytes', 'application/pdf')
  pdf(@OneTenant() tenant: string, @Param('id', { schema: uuid }) id: string, @Query({ schema: tenantQuery }) _query: unknown, @Res() reply: FastifyReply): Promise<void> {
    return this.send(reply, { tenant, id, kind: 'pdf' }, 'application/pdf');
  }

  @Get(':id/ubl')
  @Authorise('invoice.read', askedTenant)
  @RepliesBytes('An issued invoice as EN 16931 UBL 2.1 (Peppol BIS Billing 3), always the same bytes', 'application/xml')
  ubl(@OneTenant() tenant: string, @Param('id', { schema: uuid }) id: string, @Query({ schema: tenantQuery }) _query: unknown, @Res() reply: FastifyReply): Promise<void> {
    return this.send(reply, { tenant, id, kind: 'ubl' }, 'application/xml');
  }

  @Post(':id/issue')
  @Authorise('invoice.write', bodyTenant)
  @Replies('Issues a draft whose period is over: gives its number, freezes it, posts it', invoice)
  issue(@OneTenant() tenant: string, @Param('id', { schema: uuid }) id: string, @Body({ schema: ofTenant }) _body: unknown): Promise<Invoice> {
    return this.caller.call(invoiceCalls.issue, { tenant, id });
  }

  @Post(':id/credit-notes')
  @Authorise('invoice.write', bodyTenant)
  @Replies('Credits lines of an issued invoice, paid or not; all that is left of it where none are named. What was paid of them is in the credit balance then', invoice, 201)
  credit(@OneTenant() tenant: string, @Param('id', { schema: uuid }) id: string, @Body({ schema: newCredit }) body: z.output<typeof newCredit>): Promise<Invoice> {
    return this.caller.call(invoiceCalls.credit, { ...body, tenant, invoice: id });
  }

  @Post(':id/payments')
  @Authorise('invoice.write', bodyTenant)
  @Replies('Records a payment that came by bank', invoice, 201)
  pay(@CurrentPrincipal() principal: Principal, @OneTenant() tenant: string, @Param('id', { schema: uuid }) id: string, @Body({ schema: newPayment }) body: z.output<typeof newPayment>): Promise<Invoice> {
    return this.caller.call(invoiceCalls.pay, { ...body, actor: actorOf(principal), tenant, invoice: id });
  }

  /** Errors: NOT_FOUND, REQUEST_INVALID, CONFLICT, IDEMPOTENCY_MISMATCH. */
  @Post(':id/payments/:payment/reversal')
  @Authorise('invoice.write', bodyTenant)
  @Replies('Takes back a payment that was told and was wrong or charged back: the invoice is open again', invoice, 201)
  reversePayment(
    @CurrentPrincipal() principal: Principal,
    @OneTenant() tenant: string,
    @Param('id', { schema: uuid }) id: string,
    @Param('payment', { schema: uuid }) payment: string,
    @Body({ schema: newReversal }) body: z.output<typeof newReversal>,
  ): Promise<Invoice> {
    return this.caller.call(invoiceCalls.reversePayment, { ...body, actor: actorOf(principal), tenant, invoice: id, payment });
  }

  private async send(reply: FastifyReply, file: { tenant: string; id: string; kind: 'pdf' | 'ubl' }, contentType: string): Promise<void> {
    const { name, bytes, sha256 } = await this.caller.call(invoiceCalls.file, file);
    await reply.header('content-disposition', `attachment; filename="${name}"`).header('etag', `"${sha256}"`).type(contentType).send(Buffer.from(bytes, 'base64'));
  }
}
