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
/** Answers that are encrypted anew: 8 × at most 64 MiB, usually 8 × some KiB. */
const answersAtOnceMax = 8;
/** One turn moves 20,000 of an organisation and a table; the next one goes on. */
const pagesMax = 100;
const keysAtOnceMax = 1_000;
const tenantsAtOnceMax = 1_000;
/** All schedulers know a new content key by then: what they write is under that. */
const knownMs = 60_000;

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
    this.keys.forgetOver();
    await this.know();
    for (let after: string | null = null; ; ) {
      const page: ContentKey[] = await withTenant(this.dataSource, '*', (manager) => this.store.openOnes(manager, after, keysAtOnceMax));
      for (const key of page) if (this.isOld(key)) await this.tried(key.tenant, this.leave(key));
      if (page.length < keysAtOnceMax) break;
      after = page.at(-1)!.id;
    }
    for (const tenant of await withTenant(this.dataSource, '*', (manager) => this.moves.tenantsUnderMaster(manager, tenantsAtOnceMax))) await this.tried(tenant, this.move(tenant, null));
    for (const key of await withTenant(this.dataSource, '*', (manager) => this.store.untold(manager, keysAtOnceMax))) await this.tried(key.tenant, this.tell(key));
    this.gauge.set(await withTenant(this.dataSource, '*', (manager) => this.moves.countUnderMaster(manager)));
  }

  /** Every organisation's newest key, those without contents included: its successor's coming ends it, too. */
  private async know(): Promise<void> {
    const current = [...this.tenants.known().values()].flatMap(({ tenant, contentKey }) => (contentKey === undefined ? [] : [{ id: contentKey.id, tenant }]));
    for (let at = 0; at < current.length; at += keysAtOnceMax) await withTenant(this.dataSource, '*', (manager) => this.store.know(manager, current.slice(at, at + keysAtOnceMax), this.clock.nowMs()));
  }

  /** Ids are made in the order of time: a scheduler that has not heard of the newest one takes it for no old one. */
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
      const max = table === 'line_answers' && from === null ? answersAtOnceMax : atOnceMax;
      let after: string | null = null;
      for (let page = 0; page < pagesMax; page += 1) {
        const done: { rows: number; moved: number; last: string | null } = await this.keys.committed(this.page(table, tenant, from, after, max));
        [moved, left, after] = [moved + done.moved, left + done.rows - done.moved, done.last];
        if (done.rows < max) break;
        if (page === pagesMax - 1) left += 1;
      }
    }
    if (moved > 0) this.logger.log({ message: `${moved} keys of contents are under the newest content key`, tenant, from: from ?? 'SCHEDULER_MASTER_KEY' });
    return left === 0;
  }

  private async page(table: KeyedTable, tenant: string, from: string | null, after: string | null, max: number): Promise<{ rows: number; moved: number; last: string | null }> {
    // Here, so that a KMS that is away keeps no transaction waiting.
    if (from !== null) await this.keys.open(tenant, from);
    return withTenant(this.dataSource, tenant, async (manager) => {
      const rows = await this.moves.under(manager, table, tenant, from, after, max);
      const renewed: KeyedRow[] = [];
      let to: string | undefined;
      for (const row of rows) {
        try {
          const next = await this.renewed(table, tenant, from, row);
          if (next.to === null && (row.answer ?? row.wrapped ?? row.kept) !== null) throw failure('STARTING', 'governance tells of no content key any more');
          // One transaction moves to one key: rows of a renewal in its middle are the next page's.
          if (next.to !== null && next.to !== (to ??= next.to)) break;
          renewed.push(next.row);
        } catch (error) {
          if (isDomainError(error)) throw error;
          this.logger.error({ message: `the key of a content does not open, and stays as it is: ${table} ${row.id}`, tenant });
        }
      }
      const target = to ?? this.tenants.known().get(tenant)!.contentKey!.id;
      if (renewed.length > 0) await this.moves.moved(manager, table, tenant, renewed, target);
      return { rows: rows.length, moved: renewed.length, last: rows.at(-1)?.id ?? after };
    });
  }

  /** `to` is null for a row that has no key any more. */
  private async renewed(table: KeyedTable, tenant: string, from: string | null, row: KeyedRow): Promise<{ row: KeyedRow; to: string | null }> {
    const context = contextOf(table, tenant, row.id);
    if (row.answer !== null) {
      const key = randomBytes(32);
      const answer = sealUnder(key, context, this.master.open(tenant, context, row.answer));
      const { bytes, over } = await this.keys.wrap(tenant, context, key);
      return { row: { ...row, wrapped: bytes, answer }, to: over };
    }
    // A row has one of both: what is deleted keeps its key apart.
    const bytes = row.wrapped ?? row.kept;
    if (bytes === null) return { row, to: null };
    const again = await this.keys.wrap(tenant, context, await this.keys.unwrap(tenant, context, { bytes, over: from }));
    return { row: { ...row, wrapped: row.wrapped && again.bytes, kept: row.kept && again.bytes }, to: again.over };
  }

  private async tell({ id, tenant }: ContentKey): Promise<void> {
    await this.caller.call(contentKeyCalls.destroy, { tenant, id }).catch((error: unknown) => {
      // Governance's database is older than this one: there is nothing to destroy.
      if (!isDomainError(error, 'NOT_FOUND')) throw error;
    });
    await withTenant(this.dataSource, tenant, (manager) => this.store.told(manager, id, this.clock.nowMs()));
  }

  private async tried(tenant: string, work: Promise<unknown>): Promise<void> {
    await work.catch((error: unknown) => this.logger.warn({ message: `keys of contents are not moved, and stay as they are: ${error instanceof Error ? error.message : String(error)}`, tenant }));
  }
}
