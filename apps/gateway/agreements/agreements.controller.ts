import { Body, Controller, Get, Param, Post, Put, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { agreement, agreementCalls, credit, newAgreement, newCredit, uuid } from '#protocol';
import type { Agreement, Credit, NewAgreement, NewCredit, ReplyOf } from '#protocol';
import { Authorise, deployment, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const approval = agreementCalls.approve.request.pick({ hash: true });

/** What an organisation agreed to and was given beside prices. It shows in invoices; what requests cost stays as it is. */
@Controller('v1/organisations/:tenant')
export class AgreementsController {
  constructor(private readonly caller: Caller) {}

  /** Errors: NOT_FOUND, IDEMPOTENCY_MISMATCH. */
  @Put('agreements/:id')
  @Authorise('price.write', deployment)
  @Replies('Proposes discounts by the amount of a month, a monthly minimum and fees; nothing of it holds until somebody else approves it', agreement)
  propose(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Param('id', { schema: uuid }) id: string, @Body({ schema: newAgreement }) body: NewAgreement): Promise<Agreement> {
    return this.caller.call(agreementCalls.propose, { ...body, tenant, id, actor: actorOf(principal) });
  }

  /** Errors: NOT_FOUND, NOT_ALLOWED, CONFLICT. */
  @Post('agreements/:id/approval')
  @Authorise('price.write', deployment)
  @Replies('Approves an agreement as its hash says it is; another key than the one that proposed it. It holds from the next month on, or a later one', agreement, 201)
  approve(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Param('id', { schema: uuid }) id: string, @Body({ schema: approval }) { hash }: z.output<typeof approval>): Promise<Agreement> {
    return this.caller.call(agreementCalls.approve, { tenant, id, hash, actor: actorOf(principal) });
  }

  @Get('agreements')
  @Authorise('invoice.read', pathTenant)
  @Replies('Agreements of an organisation, proposed and approved', agreementCalls.list.reply)
  agreements(@Param('tenant', { schema: uuid }) tenant: string, @Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof agreementCalls.list>> {
    return this.caller.call(agreementCalls.list, { ...page, tenant });
  }

  /** Errors: NOT_FOUND, IDEMPOTENCY_MISMATCH, REQUEST_INVALID. */
  @Put('credits/:id')
  @Authorise('price.write', deployment)
  @Replies('Gives an organisation a credit that pays for its usage while it is valid', credit)
  grant(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Param('id', { schema: uuid }) id: string, @Body({ schema: newCredit }) body: NewCredit): Promise<Credit> {
    return this.caller.call(agreementCalls.grantCredit, { ...body, tenant, id, actor: actorOf(principal) });
  }

  @Get('credits')
  @Authorise('invoice.read', pathTenant)
  @Replies('Credits of an organisation, with what is used, lost and left', agreementCalls.listCredits.reply)
  credits(@Param('tenant', { schema: uuid }) tenant: string, @Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof agreementCalls.listCredits>> {
    return this.caller.call(agreementCalls.listCredits, { ...page, tenant });
  }
}
