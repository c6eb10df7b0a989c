import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { accountCalls, failure } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { AccountStatementsStore } from './account-statements.store.js';
import { operatorTenant } from './chart-of-accounts.js';

const cursor = /^(\d{1,18}):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

@Controller()
export class AccountStatementsRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(AccountStatementsStore) private readonly store: AccountStatementsStore,
  ) {}

  @Serve(accountCalls.list)
  async list({ tenant, after, limit }: RequestOf<typeof accountCalls.list>): Promise<ReplyOf<typeof accountCalls.list>> {
    const whose = tenant ?? operatorTenant;
    const rows = await withTenant(this.dataSource, whose, (manager) => this.store.list(manager, whose, after, limit + 1));
    return { data: rows.slice(0, limit), hasMore: rows.length > limit };
  }

  /** Errors: NOT_FOUND, REQUEST_INVALID. */
  @Serve(accountCalls.statement)
  async statement({ tenant, after, limit, ...asked }: RequestOf<typeof accountCalls.statement>): Promise<ReplyOf<typeof accountCalls.statement>> {
    const of = { ...asked, tenant: tenant ?? operatorTenant };
    const from = after === undefined ? null : cursor.exec(after);
    if (after !== undefined && !from) throw failure('REQUEST_INVALID', '`after` is the `next` of the page before', { param: 'after' });
    // What is posted on the deployment's accounts belongs, nearly all of it, to transfers of organisations.
    return withTenant(this.dataSource, tenant ?? '*', async (manager) => {
      const found = await this.store.balances(manager, of);
      if (!found) throw failure('NOT_FOUND', `there is no account ${of.code} in ${of.currency} here`, { code: of.code });
      const { id, ...balances } = found;
      const { data, last } = await this.store.lines(manager, id, of, from && { us: from[1]!, transfer: from[2]! }, limit);
      return { code: of.code, currency: of.currency, ...balances, data, next: data.length < limit ? null : last! };
    });
  }
}
