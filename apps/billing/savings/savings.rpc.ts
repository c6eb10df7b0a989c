import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { Serve } from '#messaging';
import { failure, savingsCalls } from '#protocol';
import type { ReplyOf, RequestOf, SavingsReport } from '#protocol';
import { withTenant } from '#service';
import { Outside } from '../closes/outside.js';
import { BaselinesStore } from './baselines.store.js';
import { builtInPrices } from './built-in-prices.js';
import { savingsRows, savingsTotals } from './compare.js';
import { WorkStore } from './work.store.js';

/** A row of 900 bytes with its price: 800 are below the bus's mebibyte. */
const rowsMax = 800;

@Controller()
export class SavingsRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(WorkStore) private readonly work: WorkStore,
    @Inject(BaselinesStore) private readonly baselines: BaselinesStore,
    @Inject(Outside) private readonly outside: Outside,
  ) {}

  /** Errors: REQUEST_INVALID, SERVICE_UNAVAILABLE (settlement does not say what gas cost). */
  @Serve(savingsCalls.report)
  async report(asked: RequestOf<typeof savingsCalls.report>): Promise<SavingsReport> {
    if (asked.toMs <= asked.fromMs) throw failure('REQUEST_INVALID', 'the period ends before it begins', { param: 'end_time' });
    const gas = await this.outside.gas(asked);
    const { work, known } = await withTenant(this.dataSource, asked.tenant, async (manager) => ({ work: await this.work.byDay(manager, asked), known: await this.baselines.current(manager) }));
    const rows = savingsRows(work, known.table);
    if (rows.length > rowsMax) throw failure('REQUEST_INVALID', `more than ${rowsMax} models and prices: ask for a shorter period`, { param: 'end_time' });
    return { ...asked, tableHash: known.hash, tableFrom: known.from, rows, ...savingsTotals(rows, gas, known.table.coin) };
  }

  @Serve(savingsCalls.getTable)
  table(): Promise<ReplyOf<typeof savingsCalls.getTable>> {
    return withTenant(this.dataSource, '*', (manager) => this.baselines.current(manager));
  }

  @Serve(savingsCalls.putTable)
  put({ actor, prices = [...builtInPrices], models, coin }: RequestOf<typeof savingsCalls.putTable>): Promise<ReplyOf<typeof savingsCalls.putTable>> {
    return withTenant(this.dataSource, '*', async (manager) => {
      await this.baselines.put(manager, { prices, models, coin }, actor, this.clock.nowMs());
      return this.baselines.current(manager);
    });
  }
}
