import { randomBytes } from 'node:crypto';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, isDomainError } from '#kernel';
import { Caller } from '#messaging';
import { keyText, MasterKey, sealUnder } from '#objects';
import { contentKeyCalls, failure } from '#protocol';
import { withTenant } from '#service';
import { lineContext } from '../batches/line-answers.store.js';
import { Repeated } from '../repeated.js';
import { TenantEntries } from '../tenant-entries.js';
import { ContentKeys } from './content-keys.service.js';
import { ContentKeyStore } from './content-keys.store.js';
import type { ContentKey } from './content-keys.store.js';
import { KeyMoveStore, keyedTables } from './key-moves.store.js';
import type { KeyedRow, KeyedTable } from './key-moves.store.js';
import { UnderMasterGauge } from './under-master-metrics.js';

const everyMs = 15_000;
/** Keys of one transaction: some 0.1 ms each. */
const atOnceMax = 200;
/** Answers of before that one transaction encrypts anew, and one more, of at most 64 MiB; one at a time is in memory. */
const answerBytesMax = 32 * 1024 * 1024;
/** One turn moves 20,000 of an organisation and a table; the next one goes on. */
const pagesMax = 100;
const keysAtOnceMax = 1_000;
const tenantsAtOnceMax = 1_000;
/** All schedulers know a new content key by then: what they write is under that. */
const knownMs = 60_000;
/** A KMS that takes so long to be unavailable is not asked each turn. */
const slowMs = 1_000;
const leftOutMs = 5 * 60_000;

interface Page {
  readonly rows: number;
  readonly moved: number;
  readonly last: string | null;
  readonly isLast: boolean;
}

/** The context of a row's keys, as they were wrapped. */
const contextOf = (table: KeyedTable, tenant: string, id: string): string => (table === 'line_answers' ? lineContext(id) : keyText({ tenant, id }));

/**
 * Brings the data keys of contents under their organisation's newest content key: from an older one, and from the master key. No content is touched, only answers of before that have no key of their
 * own. Each page is a transaction: killed in between, the next turn goes on. A key that nothing is under any more is closed, and governance destroys it.
 */
@Injectable()
export class KeyMoves implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(KeyMoves.name);
  private readonly turns = new Repeated(KeyMoves.name, everyMs, () => this.turn());
  /** Until when organisations are left out. */
  private readonly leftOut = new Map<string, number>();

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Caller) private readonly caller: Caller,
    @Inject(TenantEntries) private readonly tenants: TenantEntries,
    @Inject(ContentKeys) private readonly keys: ContentKeys,
    @Inject(ContentKeyStore) private readonly store: ContentKeyStore,
    @Inject(KeyMoveStore) private readonly moves: KeyMoveStore,
    @Inject(MasterKey) private readonly master: MasterKey,
    @Inject(UnderMasterGauge) private readonly gauge: UnderMasterGauge,
  ) {}

  onApplicationBootstrap(): void {
    this.turns.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.turns.stop();
  }

  /** What keeps one organisation's keys keeps no other's: it is logged, and tried again. */
  async turn(): Promise<void> {
    // At the beginning too: a turn may take long, or end early each time.
    await this.count();
    try {
      await this.moveAll();
    } finally {
      await this.count();
    }
  }

  private async count(): Promise<void> {
    this.gauge.set(
      await withTenant(this.dataSource, '*', (manager) => this.moves.countUnderMaster(manager)).catch((error: unknown) => {
        this.gauge.set(Number.NaN);
        throw error;
      }),
    );
  }

  private async moveAll(): Promise<void> {
    this.keys.forgetOver();
    await this.know();
    for (let after: string | null = null; ; ) {
      const page: ContentKey[] = await withTenant(this.dataSource, '*', (manager) => this.store.openOnes(manager, after, keysAtOnceMax));
      for (const key of page) if (this.isOld(key)) await this.tried(key.tenant, () => this.leave(key));
      if (page.length < keysAtOnceMax) break;
      after = page.at(-1)!.id;
    }
    for (const tenant of await withTenant(this.dataSource, '*', (manager) => this.moves.tenantsUnderMaster(manager, tenantsAtOnceMax))) await this.tried(tenant, () => this.move(tenant, null));
    for (const key of await withTenant(this.dataSource, '*', (manager) => this.store.untold(manager, keysAtOnceMax))) await this.tried(key.tenant, () => this.tell(key));
  }

  /** Every organisation's newest key, those without contents included: its successor's coming ends it, too. */
  private async know(): Promise<void> {
    const current = [...this.tenants.known().values()].flatMap(({ tenant, contentKey }) => (contentKey === undefined ? [] : [{ id: contentKey.id, tenant }]));
    for (let at = 0; at < current.length; at += keysAtOnceMax) {
      const some = current.slice(at, at + keysAtOnceMax);
      await withTenant(this.dataSource, '*', (manager) => this.store.know(manager, some, this.clock.nowMs()));
      await this.tellOfClosed(some);
    }
  }

  /** Governance tells of a key as the newest one that had a successor here: its database was restored to before that. It destroys anew what it had destroyed since, that one when it is renewed. */
  private async tellOfClosed(current: readonly ContentKey[]): Promise<void> {
    const ids = current.map(({ id }) => id);
    for (const key of await withTenant(this.dataSource, '*', (manager) => this.store.closedOf(manager, ids, this.clock.nowMs() - knownMs))) {
      this.logger.error({ message: `governance tells of a content key that is closed here (${key.id}), so its database is older than this one: nothing is stored for this organisation until its keys are renewed (mizan keys rotate)`, tenant: key.tenant });
      await withTenant(this.dataSource, key.tenant, (manager) => this.store.tellAgain(manager, key));
    }
  }

  /** Governance makes each id greater than the one before, whatever its clock says: a scheduler that has not heard of the newest one takes it for no old one. */
  private isOld({ id, tenant }: ContentKey): boolean {
    const current = this.tenants.known().get(tenant)?.contentKey?.id;
    return current !== undefined && id < current;
  }

  private async leave(key: ContentKey): Promise<void> {
    if (!(await this.move(key.tenant, key.id))) return;
    const nowMs = this.clock.nowMs();
    const isClosed = await this.keys.committed(withTenant(this.dataSource, key.tenant, (manager) => this.store.close(manager, key, nowMs, nowMs - knownMs)));
    if (isClosed) await this.tell(key);
  }

  /** False when some are left. Errors: those of opening the key. */
  private async move(tenant: string, from: string | null): Promise<boolean> {
    if (this.tenants.known().get(tenant)?.contentKey === undefined) return false;
    let [moved, left] = [0, 0];
    for (const table of Object.keys(keyedTables) as KeyedTable[]) {
      // An organisation without rows asks for no key.
      if (!(await withTenant(this.dataSource, tenant, (manager) => this.moves.has(manager, table, tenant, from)))) continue;
      let after: string | null = null;
      for (let page = 0; page < pagesMax; page += 1) {
        const done: Page = await this.keys.committed(this.page(table, tenant, from, after));
        [moved, left, after] = [moved + done.moved, left + done.rows - done.moved, done.last];
        if (done.isLast) break;
        if (page === pagesMax - 1) left += 1;
      }
    }
    if (moved > 0) this.logger.log({ message: `${moved} keys of contents are under the newest content key`, tenant, from: from ?? 'SCHEDULER_MASTER_KEY' });
    return left === 0;
  }

  private async page(table: KeyedTable, tenant: string, from: string | null, after: string | null): Promise<Page> {
    // Before the transaction, which then waits for no KMS and for no connection beside its own. It moves to one key: rows of a renewal in its middle are the next turn's.
    const to = await this.keys.newest(tenant);
    if (to === undefined) throw failure('STARTING', 'governance tells of no content key any more');
    const unwrap = await this.keys.opening(tenant, from);
    return withTenant(this.dataSource, tenant, async (manager) => {
      const rows = await this.moves.under(manager, table, tenant, from, after, atOnceMax);
      const renewed: KeyedRow[] = [];
      let [seen, answers, answerBytes] = [0, 0, 0];
      for (const row of rows) {
        if (answerBytes > answerBytesMax) break;
        seen += 1;
        const context = contextOf(table, tenant, row.id);
        if (row.answerBytes === null) {
          const next = this.opens(table, tenant, row.id, () => renewedRow(row, (bytes) => to.wrap(context, unwrap(context, bytes))));
          if (next) renewed.push(next);
          continue;
        }
        answerBytes += row.answerBytes;
        const sealed = await this.moves.answer(manager, tenant, row.id);
        const answer = this.opens(table, tenant, row.id, () => this.master.open(tenant, context, sealed));
        if (!answer) continue;
        const key = randomBytes(32);
        await this.moves.reencrypted(manager, tenant, row.id, { wrapped: to.wrap(context, key), answer: sealUnder(key, context, answer) }, to.over);
        answers += 1;
      }
      if (renewed.length > 0) await this.moves.moved(manager, table, tenant, renewed, to.over);
      return { rows: seen, moved: renewed.length + answers, last: rows[seen - 1]?.id ?? after, isLast: seen === rows.length && seen < atOnceMax };
    });
  }

  /** Undefined for what does not open, which stays as it is and keeps no others. */
  private opens<T>(table: KeyedTable, tenant: string, id: string, open: () => T): T | undefined {
    try {
      return open();
    } catch {
      this.logger.error({ message: `the key of a content does not open, and stays as it is: ${table} ${id}`, tenant });
      return undefined;
    }
  }

  private async tell({ id, tenant }: ContentKey): Promise<void> {
    await this.caller.call(contentKeyCalls.destroy, { tenant, id }).catch((error: unknown) => {
      // Governance's database is older than this one: there is nothing to destroy.
      if (!isDomainError(error, 'NOT_FOUND')) throw error;
    });
    await withTenant(this.dataSource, tenant, (manager) => this.store.told(manager, id, this.clock.nowMs()));
  }

  /** An organisation whose KMS does not answer costs each question its whole time: it is left out for some minutes, for those that come after it. */
  private async tried(tenant: string, work: () => Promise<unknown>): Promise<void> {
    const beganMs = this.clock.monotonicMs();
    if (beganMs < (this.leftOut.get(tenant) ?? 0)) return;
    this.leftOut.delete(tenant);
    try {
      await work();
    } catch (error) {
      const nowMs = this.clock.monotonicMs();
      if (isDomainError(error, 'KMS_UNAVAILABLE') && nowMs - beganMs >= slowMs) this.leftOut.set(tenant, nowMs + leftOutMs);
      this.logger.warn({ message: `keys of contents are not moved, and stay as they are: ${error instanceof Error ? error.message : String(error)}`, tenant });
    }
  }
}

/** A row has one of both, or none any more: what is deleted keeps its key apart. */
const renewedRow = (row: KeyedRow, again: (bytes: Buffer) => Buffer): KeyedRow => ({ ...row, wrapped: row.wrapped && again(row.wrapped), kept: row.kept && again(row.kept) });
