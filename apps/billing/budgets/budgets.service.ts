import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { assert, Clock, Ids } from '#kernel';
import type { Nanos } from '#kernel';
import { Outbox } from '#messaging';
import { withTenant } from '#service';
import { LedgerStore } from '../ledger/ledger.store.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { checkedLimit, limitTransfer } from './budget.js';
import type { Budget } from './budget.js';
import { BudgetsStore } from './budgets.store.js';

@Injectable()
export class BudgetsService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(BudgetsStore) private readonly budgets: BudgetsStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
  ) {}

  /** Sets a project's limit, in the books and in the audit log. Errors: AMOUNT_INVALID, NOT_FOUND (organisation or project). */
  async put(request: { keyId: string | null; tenant: string; project: string; limitNanos: Nanos }): Promise<Budget> {
    const { tenant, project } = request;
    const limitNanos = checkedLimit(request.limitNanos);
    await this.records.requireProject(tenant, project);
    const budget = await withTenant(this.dataSource, '*', async (manager) => {
      const { id, before } = await this.budgets.setLimit(manager, this.ids.uuid(), tenant, project, limitNanos);
      const change = this.ids.uuid();
      await this.ledger.post(manager, [limitTransfer(change, { id, tenant }, before, limitNanos)]);
      const fields = { budget: id, project, currency: 'USD', limitNanos: limitNanos.toString(), beforeNanos: before.toString(), keyId: request.keyId };
      await this.outbox.record(manager, await this.records.seal(tenant, { id: change, type: 'budget.set', timeMs: this.clock.nowMs(), fields, facts: null }));
      return this.budgets.find(manager, tenant, project);
    });
    this.outbox.kick();
    assert(budget, 'a budget that was just set is there');
    return budget;
  }

  /** By id; all without a limit. */
  list(tenant: string, after?: string, limit?: number): Promise<Budget[]> {
    return withTenant(this.dataSource, tenant, (manager) => this.budgets.list(manager, after, limit));
  }
}
