import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox, Serve } from '#messaging';
import { failure, operatorRecord, savingsCalls } from '#protocol';
import type { ReplyOf, RequestOf, SavingsReport } from '#protocol';
import { withTenant } from '#service';
import { Outside } from '../closes/outside.js';
import { BaselinesStore } from './baselines.store.js';
import { builtInMeterPrices, builtInPrices } from './built-in-prices.js';
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
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Ids) private readonly ids: Ids,
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
  async put({ actor, prices = [...builtInPrices], meterPrices = [...builtInMeterPrices], models, coin }: RequestOf<typeof savingsCalls.putTable>): Promise<ReplyOf<typeof savingsCalls.putTable>> {
    const put = await withTenant(this.dataSource, '*', async (manager) => {
      const nowMs = this.clock.nowMs();
      await this.baselines.put(manager, { prices, meterPrices, models, coin }, actor, nowMs);
      const current = await this.baselines.current(manager);
      const fields = { keyId: actor.keyId, tableHash: current.hash, prices: prices.length, meterPrices: meterPrices.length, models: models.length };
      await this.outbox.record(manager, operatorRecord({ id: this.ids.uuid(), type: 'baselines.set', timeMs: nowMs, fields, facts: null }));
      return current;
    });
    this.outbox.kick();
    return put;
  }
}
