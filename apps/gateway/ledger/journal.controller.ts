import { Body, Controller, Get, Param, Post, Put, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { accountRule, invoiceCurrency, journalCalls, ledgerAccount, newReservation, posting, reservation, slug, uuid } from '#protocol';
import type { LedgerAccount, NewReservation, ReplyOf, Reservation } from '#protocol';
import { Authorise, deployment } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const ruleBody = accountRule.safeExtend({ currency: invoiceCurrency });
const closing = z.object({ currency: invoiceCurrency });
const reservationsQuery = pageQuery.extend({ state: journalCalls.list.request.shape.state.default('pending') });

/** Money of the deployment's own accounts, moved by hand in two phases by two persons. */
@Controller('v1/ledger')
export class JournalController {
  constructor(private readonly caller: Caller) {}

  @Get('accounts')
  @Authorise('ledger.read', deployment)
  @Replies("The deployment's own accounts, with what is reserved on them and their rules; `after` is a code and a currency", journalCalls.listAccounts.reply)
  accounts(@Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof journalCalls.listAccounts>> {
    return this.caller.call(journalCalls.listAccounts, page);
  }

  /** Errors: ACCOUNT_CLOSED, ACCOUNT_LIMIT. */
  @Put('accounts/:name')
  @Authorise('ledger.write', deployment)
  @Replies('Opens the account `operator:<name>`, or sets between what its balance must stay', ledgerAccount)
  putAccount(@CurrentPrincipal() principal: Principal, @Param('name', { schema: slug }) name: string, @Body({ schema: ruleBody }) body: z.output<typeof ruleBody>): Promise<LedgerAccount> {
    return this.caller.call(journalCalls.putAccount, { ...body, name, actor: actorOf(principal) });
  }

  /** Errors: NOT_FOUND, CONFLICT. */
  @Post('accounts/:name/closure')
  @Authorise('ledger.write', deployment)
  @Replies('Closes an account with nothing in it, for good', ledgerAccount, 201)
  close(@CurrentPrincipal() principal: Principal, @Param('name', { schema: slug }) name: string, @Body({ schema: closing }) { currency }: z.output<typeof closing>): Promise<LedgerAccount> {
    return this.caller.call(journalCalls.closeAccount, { name, currency, actor: actorOf(principal) });
  }

  @Get('reservations')
  @Authorise('ledger.read', deployment)
  @Replies('Transfers in two phases, by id', journalCalls.list.reply)
  reservations(@Query({ schema: reservationsQuery }) page: z.output<typeof reservationsQuery>): Promise<ReplyOf<typeof journalCalls.list>> {
    return this.caller.call(journalCalls.list, page);
  }

  /** Errors: NOT_FOUND, NOT_ALLOWED, AMOUNT_INVALID, AMOUNT_OVERFLOW, ACCOUNT_CLOSED, ACCOUNT_LIMIT, REQUEST_INVALID, IDEMPOTENCY_MISMATCH. */
  @Put('reservations/:id')
  @Authorise('ledger.write', deployment)
  @Replies('Reserves amounts on accounts: all legs or none', reservation)
  reserve(@CurrentPrincipal() principal: Principal, @Param('id', { schema: uuid }) id: string, @Body({ schema: newReservation }) body: NewReservation): Promise<Reservation> {
    return this.caller.call(journalCalls.reserve, { ...body, id, actor: actorOf(principal) });
  }

  /** Errors: NOT_FOUND, NOT_ALLOWED, AMOUNT_INVALID, CONFLICT, RESERVATION_EXPIRED, ACCOUNT_CLOSED. */
  @Post('reservations/:id/posting')
  @Authorise('ledger.write', deployment)
  @Replies('Posts what another key reserved, whole or a part of each leg; the rest is free again', reservation, 201)
  post(@CurrentPrincipal() principal: Principal, @Param('id', { schema: uuid }) id: string, @Body({ schema: posting }) body: z.output<typeof posting>): Promise<Reservation> {
    return this.caller.call(journalCalls.post, { ...body, id, actor: actorOf(principal) });
  }

  /** Errors: NOT_FOUND, CONFLICT, RESERVATION_EXPIRED. */
  @Post('reservations/:id/void')
  @Authorise('ledger.write', deployment)
  @Replies('Sets free what was reserved', reservation, 201)
  void(@CurrentPrincipal() principal: Principal, @Param('id', { schema: uuid }) id: string): Promise<Reservation> {
    return this.caller.call(journalCalls.void, { id, actor: actorOf(principal) });
  }
}
