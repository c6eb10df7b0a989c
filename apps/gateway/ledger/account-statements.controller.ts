import { Controller, Get, Param, Query } from '@nestjs/common';
import { z } from 'zod';
import { Clock } from '#kernel';
import { Caller } from '#messaging';
import { accountCalls, accountName, accountPeriod, accountStatement, billingCalls, failure, pageRequest, trialBalance, uuid } from '#protocol';
import type { AccountStatement, ReplyOf, TrialBalance } from '#protocol';
import { Authorise, deployment, pathTenant } from '../access/authorise.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const seconds = z.coerce.number<string>().int().min(0).max(8_640_000_000_000);
/** Unix seconds, as in usage and costs; left out, `end_time` is now. */
const statementQuery = pageQuery.extend({ currency: z.string().default('USD'), start_time: seconds, end_time: seconds.optional(), after: pageRequest.shape.after });
const trialBalanceQuery = z.object({ before: seconds.optional(), currency: accountPeriod.shape.currency.optional() });
type StatementQuery = z.output<typeof statementQuery>;

/** What is in accounts, what was in them at any time, and every posting in between. */
@Controller('v1')
export class AccountStatementsController {
  constructor(
    private readonly caller: Caller,
    private readonly clock: Clock,
  ) {}

  @Get('organisations/:tenant/accounts')
  @Authorise('invoice.read', pathTenant)
  @Replies("An organisation's accounts in the books: what it owes, what is owed to payees for its work, its budgets, deposits and credits; `after` is a code and a currency", accountCalls.list.reply)
  accounts(@Param('tenant', { schema: uuid }) tenant: string, @Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof accountCalls.list>> {
    return this.caller.call(accountCalls.list, { ...page, tenant });
  }

  /** Errors: NOT_FOUND, REQUEST_INVALID. */
  @Get('organisations/:tenant/accounts/:code/postings')
  @Authorise('invoice.read', pathTenant)
  @Replies('The statement of an account: what was in it when a period began and ended, and what was posted in between', accountStatement)
  statement(@Param('tenant', { schema: uuid }) tenant: string, @Param('code', { schema: accountName }) account: string, @Query({ schema: statementQuery }) query: StatementQuery): Promise<AccountStatement> {
    return this.ask(tenant, account, query);
  }

  /** Errors: NOT_FOUND, REQUEST_INVALID. */
  @Get('ledger/accounts/:code/postings')
  @Authorise('ledger.read', deployment)
  @Replies("The same of the deployment's own", accountStatement)
  ownStatement(@Param('code', { schema: accountName }) account: string, @Query({ schema: statementQuery }) query: StatementQuery): Promise<AccountStatement> {
    return this.ask(null, account, query);
  }

  @Get('ledger/trial-balance')
  @Authorise('ledger.read', deployment)
  @Replies('What all accounts of each kind hold together, now or before a moment, and that debits are credits', trialBalance)
  trialBalance(@Query({ schema: trialBalanceQuery }) { before, currency }: z.output<typeof trialBalanceQuery>): Promise<TrialBalance> {
    return this.caller.call(billingCalls.trialBalanceAt, { beforeMs: before === undefined ? this.clock.nowMs() : before * 1_000, currency: currency ?? null });
  }

  private ask(tenant: string | null, account: string, { currency, start_time: start, end_time: end, after, limit }: StatementQuery): Promise<AccountStatement> {
    const request = accountCalls.statement.request.safeParse({ tenant, code: account, currency, fromMs: start * 1_000, toMs: end === undefined ? this.clock.nowMs() : end * 1_000, after, limit });
    if (!request.success) throw failure('REQUEST_INVALID', request.error.issues[0]!.message, { param: request.error.issues[0]!.path.join('.') === 'currency' ? 'currency' : 'end_time' });
    return this.caller.call(accountCalls.statement, request.data);
  }
}
