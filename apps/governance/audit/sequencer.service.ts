import { Injectable, Logger } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { equalBytes, type RightEdge } from '#merkle';
import type { LogRecord } from '#protocol';
import { withTenant } from '#service';
import { GatewayRunStore } from '../runs/gateway-runs.store.js';
import { Pseudonyms } from '../organisations/pseudonyms.service.js';
import { batchOf } from './batch.js';
import { SearchIndexer } from '../search/search-indexer.service.js';
import { SearchQueueStore } from '../search/search-queue.store.js';
import { EntryStore } from './entries.store.js';
import { draftOf, entryKey, withoutDuplicates, type EntryDraft } from './entry.js';
import { Kinds } from './kinds.service.js';
import { LogStore } from './log.store.js';
import { RejectionStore, type Rejection } from './rejections.store.js';
import { TileStore } from './tiles.store.js';

/** Gives records their place in the log: one transaction a batch, each record once, no gaps. Any number may run at once. */
@Injectable()
export class Sequencer {
  private readonly logger = new Logger(Sequencer.name);
  /** As of the last committed batch of this process; another process may be further. */
  private edge: RightEdge | undefined;

  constructor(
    private readonly dataSource: DataSource,
    private readonly log: LogStore,
    private readonly tiles: TileStore,
    private readonly kinds: Kinds,
    private readonly entries: EntryStore,
    private readonly searchQueue: SearchQueueStore,
    private readonly searchIndexer: SearchIndexer,
    private readonly runs: GatewayRunStore,
    private readonly rejections: RejectionStore,
    private readonly pseudonyms: Pseudonyms,
  ) {}

  /**
   * Appends what is not in the log yet; resolves when it is committed, and what is no entry (`unfit`, and more) is kept beside. Gives the number of new entries.
   * Errors: `DATABASE_UNAVAILABLE`, `CONFLICT` (both: deliver again), AssertionError when the stored tree is broken.
   */
  async append(records: readonly LogRecord[], unfit: readonly Rejection[] = []): Promise<number> {
    const { drafts, rejected } = await this.read(records);
    rejected.push(...unfit);
    const codeOf = await this.kinds.of(drafts);
    const edge = await withTenant(this.dataSource, '*', async (manager) => {
      await this.rejections.keep(manager, rejected);
      await this.log.lock(manager);
      const current = await this.currentEdge(manager);
      const fresh = withoutDuplicates(drafts, await this.log.known(manager, drafts));
      if (fresh.length < drafts.length) await this.keepOthers(manager, records, drafts, fresh);
      if (fresh.length === 0) return { before: current.size, after: current };
      const batch = batchOf(current, fresh);
      await this.log.append(manager, batch, codeOf);
      await this.runs.observe(manager, batch.entries);
      await this.searchQueue.add(manager, batch.oldSize, batch.entries);
      return { before: current.size, after: batch.edge };
    });
    this.edge = edge.after;
    this.searchIndexer.wake();
    return edge.after.size - edge.before;
  }

  /** Whether the stored nodes still give the stored root. Errors: `DATABASE_UNAVAILABLE`, AssertionError. */
  async check(): Promise<void> {
    await withTenant(this.dataSource, '*', async (manager) => void (await this.tiles.edge(manager, await this.log.head(manager))));
  }

  /** Of what is not fresh, keeps that which has other bytes than the entry of its identity: the first counts, and the other is not lost. */
  private async keepOthers(manager: EntityManager, records: readonly LogRecord[], drafts: readonly EntryDraft[], fresh: readonly EntryDraft[]): Promise<void> {
    const known = fresh.map((draft): [string, Uint8Array] => [entryKey(draft), draft.leaf]);
    const added = new Set(fresh);
    const repeated = drafts.filter((draft) => !added.has(draft));
    const leaves = new Map([...(await this.entries.leavesOf(manager, repeated.map(({ id }) => id))), ...known]);
    const others = repeated.filter((draft) => !equalBytes(leaves.get(entryKey(draft))!, draft.leaf));
    if (others.length === 0) return;
    const byEnvelope = new Map(records.map((record) => [record.envelope, record]));
    const reason = 'there is an entry of this id and type with other bytes';
    await this.rejections.keep(manager, others.map(({ envelope }) => ({ kind: 'other-bytes', record: byEnvelope.get(Buffer.from(envelope).toString('base64'))!, reason })));
  }

  private async currentEdge(manager: EntityManager): Promise<RightEdge> {
    const head = await this.log.head(manager);
    if (this.edge?.size === head.size && equalBytes(this.edge.root(), head.root)) return this.edge;
    return this.tiles.edge(manager, head);
  }

  private async read(records: readonly LogRecord[]): Promise<{ drafts: EntryDraft[]; rejected: Rejection[] }> {
    const pseudonymOf = await this.pseudonyms.of(records.flatMap(({ tenant }) => tenant ?? []));
    const drafts: EntryDraft[] = [];
    const rejected: Rejection[] = [];
    for (const record of records) {
      const draft = draftOf(record, pseudonymOf);
      if (typeof draft !== 'string') drafts.push(draft);
      else {
        this.logger.error({ message: `not logged: ${draft}`, record: record.id, type: record.type });
        rejected.push({ kind: 'envelope', record, reason: draft });
      }
    }
    return { drafts, rejected };
  }
}
