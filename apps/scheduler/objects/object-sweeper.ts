import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { DataSource, EntityManager } from 'typeorm';
import type { Clock } from '#kernel';
import type { SealedObjects } from '#objects';
import { withTenant } from '#service';
import type { ContentKind } from '../deletions/content-deletions.store.js';
import type { Deletions } from '../deletions/deletions.service.js';
import { Repeated } from '../repeated.js';

const everyMs = 5_000;
/** Objects removed in one transaction. */
const atOnceMax = 50;

/** Rows whose content lies in the object store under the row's id. */
export interface SweptRows {
  /** Lets go of what is over at `nowMs`, and of what was begun before `begunBeforeMs` and never came whole. */
  expire(manager: EntityManager, nowMs: number, begunBeforeMs: number): Promise<void>;
  leaving(manager: EntityManager, max: number): Promise<{ id: string; tenant: string }[]>;
  forget(manager: EntityManager, ids: readonly string[]): Promise<void>;
}

/** Removes the content of rows that are over and not held; what cannot be asked about stays. The row goes last: a crash in between is made good. */
export abstract class ObjectSweeper implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly turns = new Repeated(this.constructor.name, everyMs, () => this.sweep());

  /** `arrivalMsMax`: content that has not come within this time does not come any more. */
  protected constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly rows: SweptRows,
    private readonly objects: SealedObjects,
    private readonly deletions: Deletions,
    private readonly kind: ContentKind,
    private readonly arrivalMsMax: number,
  ) {}

  onApplicationBootstrap(): void {
    this.turns.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.turns.stop();
  }

  async sweep(): Promise<void> {
    const nowMs = this.clock.nowMs();
    await withTenant(this.dataSource, '*', (manager) => this.rows.expire(manager, nowMs, nowMs - this.arrivalMsMax));
    let failed: unknown;
    await this.deletions.settle(this.kind).catch((error: unknown) => (failed = error));
    for (let removed = atOnceMax; removed === atOnceMax; ) {
      removed = await withTenant(this.dataSource, '*', async (manager) => {
        const leaving = await this.rows.leaving(manager, atOnceMax);
        for (const key of leaving) await this.objects.delete(key);
        await this.rows.forget(manager, leaving.map(({ id }) => id));
        return leaving.length;
      });
    }
    if (failed !== undefined) throw failed as Error;
  }
}
