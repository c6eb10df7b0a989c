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
import { draftOf, withoutDuplicates, type EntryDraft } from './entry.js';
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
    private readonly searchQueue: SearchQueueStore,
    private readonly searchIndexer: SearchIndexer,
    private readonly runs: GatewayRunStore,
    private readonly rejections: RejectionStore,
    private readonly pseudonyms: Pseudonyms,
  ) {}

  /**
   * Appends what is not in the log yet; resolves when it is committed. Gives the number of new entries.
   * Errors: `DATABASE_UNAVAILABLE`, `CONFLICT` (both: deliver again), AssertionError when the stored tree is broken.
   */
  async append(records: readonly LogRecord[]): Promise<number> {
    const { drafts, rejected } = await this.read(records);
    const codeOf = await this.kinds.of(drafts);
    const edge = await withTenant(this.dataSource, '*', async (manager) => {
      await this.rejections.keep(manager, rejected);
      await this.log.lock(manager);
      const current = await this.currentEdge(manager);
      const fresh = withoutDuplicates(drafts, await this.log.known(manager, drafts));
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
        rejected.push({ record, reason: draft });
      }
    }
    return { drafts, rejected };
  }
}
