import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, Ids, isDomainError } from '#kernel';
import { Outbox } from '#messaging';
import { failure, operatorRecord } from '#protocol';
import type { Close, CloseDifference, RecordEnd } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { monthOf } from '../agreements/month.js';
import { tokenCurrency } from '../billing-config.js';
import type { BillingConfig } from '../billing-config.js';
import { RecordsProgress } from '../records/records-progress.service.js';
import { SteadyClock } from '../steady-clock.service.js';
import { ClosesStore } from './closes.store.js';
import type { StoredClose } from './closes.store.js';
import { compareChain } from './compare.js';
import { LogComparer } from './log-comparison.service.js';
import { Outside } from './outside.js';
import { OwnBooksStore } from './own-books.store.js';
import { Patience } from './patience.js';

/**
 * Closes the books: one snapshot of them is compared with itself, with the log's ended records and with the chain; what differs is
 * named, and the result is an entry of the log. The period ends at a size of the log; what the books took in later is in the next.
 */
@Injectable()
export class ClosesService {
  private readonly logger = new Logger(ClosesService.name);

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) private readonly config: BillingConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(SteadyClock) private readonly steady: SteadyClock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(ClosesStore) private readonly closes: ClosesStore,
    @Inject(OwnBooksStore) private readonly own: OwnBooksStore,
    @Inject(LogComparer) private readonly log: LogComparer,
    @Inject(Outside) private readonly outside: Outside,
    @Inject(RecordsProgress) private readonly progress: RecordsProgress,
    @Inject(Patience) private readonly patience: Patience,
  ) {}

  /** Errors: CONFLICT (a close is running), SERVICE_UNAVAILABLE (the books have not caught up with the stream). */
  async run(): Promise<Close> {
    await this.patience.until(async () => !(await withTenant(this.dataSource, '*', (manager) => this.own.lacksReceipts(manager))));
    const [close, last] = await this.dataSource
      .transaction('REPEATABLE READ', async (snapshot): Promise<[StoredClose, StoredClose | undefined]> => {
        await snapshot.query(`SELECT set_config('app.tenant', '*', true)`);
        if (!(await this.closes.tryLock(snapshot))) throw closing();
        return this.inSnapshot(snapshot);
      })
      .catch((error: unknown) => {
        // Another one ended between the snapshot and the lock.
        throw (error as { code?: string }).code === '23505' ? closing(error) : error;
      });
    this.outbox.kick();
    this.logger[close.differences > 0 ? 'error' : 'log']({ message: 'closed the books', number: close.number, differences: close.differences });
    return periodOf(close, last);
  }

  private async inSnapshot(snapshot: EntityManager): Promise<[StoredClose, StoredClose | undefined]> {
    const last = await this.closes.last(snapshot);
    const { charges, chargedNanos, openClaims, unusualSpend } = await this.own.totals(snapshot);
    const inside = await this.own.differences(snapshot);
    const unbilled = await this.own.usageWithoutBuyer(snapshot, monthOf(this.clock.nowMs()).fromMs);
    for (const { subject, detail } of unbilled) this.logger.warn({ message: 'usage is never invoiced: the organisation has no buyer', tenant: subject, detail });
    const log = await this.log.compare(snapshot, last, charges);
    const unbooked = await this.unbooked(log.late);
    const chain = await this.onChain();
    const differences = [...inside, ...unbilled, ...log.differences, ...unbooked, ...chain.differences];
    const close: StoredClose = {
      number: (last?.number ?? 0) + 1,
      record: this.ids.uuid(),
      closedAtMs: this.clock.nowMs(),
      logSize: log.logSize,
      trialBalanceHash: await this.own.trialBalanceHash(snapshot),
      allCharges: charges,
      allNanos: chargedNanos,
      matched: log.matched,
      carried: log.late.length,
      openClaims,
      allUnusual: unusualSpend,
      block: chain.block,
      differences: differences.length,
    };
    await this.closes.insert(snapshot, close, differences, log.late);
    const { number, record: id, closedAtMs: timeMs, logSize, trialBalanceHash, block } = close;
    await this.outbox.record(snapshot, operatorRecord({ id, type: 'books.closed', timeMs, fields: { number, logSize, trialBalanceHash, block, differences: differences.length }, facts: null }));
    return [close, last];
  }

  /** Ends that have no charge although the books are past them. Those booked after the snapshot are only late. */
  private async unbooked(late: readonly RecordEnd[]): Promise<CloseDifference[]> {
    if (late.length === 0) return [];
    if (!(await this.progress.reaches(this.steady.nowMs(), this.config.BILLING_CLOSE_PATIENCE_MS))) throw failure('SERVICE_UNAVAILABLE', 'the books have not caught up with the stream of records; close them again shortly');
    const booked = await withTenant(this.dataSource, '*', (manager) => this.closes.charges(manager, late.map(({ record }) => record)));
    return late.filter(({ record }) => !booked.has(record)).map(({ record, index, type }) => ({ kind: 'record_without_charge', subject: record, detail: `${type} is entry ${index} of the log, and it has no charge` }));
  }

  /** Facts of the chain reach the books as events: they are waited for. */
  private async onChain(): Promise<{ block: number | null; differences: CloseDifference[] }> {
    const { currency } = tokenCurrency(this.config);
    let found: { block: number; differences: CloseDifference[] } | undefined;
    try {
      await this.patience.until(async () => {
        const { block, payers } = await this.outside.chain();
        found = { block, differences: compareChain(payers, await withTenant(this.dataSource, '*', (manager) => this.own.token(manager, currency))) };
        return found.differences.length === 0;
      });
      const { block, differences } = found!;
      const unreconciled = (await this.outside.tokenDifferences()).map(({ kind, subject, detail }): CloseDifference => ({ kind: 'tokens_not_reconciled', subject, detail: `${kind}: ${detail}` }));
      return { block, differences: [...differences, ...unreconciled] };
    } catch (error) {
      if (!isDomainError(error)) throw error;
      return { block: null, differences: [{ kind: 'chain_unchecked', subject: 'chain', detail: error.message }] };
    }
  }

  /** Newest first, before the number `after`. Error: REQUEST_INVALID. */
  async list({ after, limit }: { after?: string | undefined; limit: number }): Promise<{ data: Close[]; hasMore: boolean }> {
    if (after !== undefined && !/^\d{1,9}$/.test(after)) throw failure('REQUEST_INVALID', '"after" is the number of a close', { param: 'after' });
    const rows = await withTenant(this.dataSource, '*', (manager) => this.closes.page(manager, after === undefined ? undefined : Number(after), limit + 1));
    return { data: rows.slice(0, limit).map((close, index) => periodOf(close, rows[index + 1])), hasMore: rows.length > limit };
  }

  /** With the differences that were named. Error: NOT_FOUND. */
  async get(number: number): Promise<Close & { named: CloseDifference[] }> {
    return withTenant(this.dataSource, '*', async (manager) => {
      const [close, before] = await this.closes.page(manager, number + 1, 2);
      if (close?.number !== number) throw failure('NOT_FOUND', 'there is no such close', { number });
      return { ...periodOf(close, before), named: await this.closes.differences(manager, number) };
    });
  }
}

const closing = (cause?: unknown) => failure('CONFLICT', 'the books are being closed just now', {}, cause);

/** A period's own charges: what came since the close before. */
function periodOf({ allCharges, allNanos, allUnusual, matched: _, ...close }: StoredClose, before: StoredClose | undefined): Close {
  return { ...close, charges: allCharges - (before?.allCharges ?? 0), chargedNanos: allNanos - (before?.allNanos ?? 0n), unusualSpend: allUnusual - (before?.allUnusual ?? 0) };
}
