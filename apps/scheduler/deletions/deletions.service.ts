import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock } from '#kernel';
import { Outbox } from '#messaging';
import type { LiveHold } from '#protocol';
import { withTenant } from '#service';
import { TenantLog } from '../tenant-log.js';
import { ContentDeletionStore } from './content-deletions.store.js';
import type { ContentKind } from './content-deletions.store.js';
import { holdOf } from './content-hold.js';
import { LiveHolds } from './live-holds.service.js';

/** How soon it is asked again whether what was held still is: so long after the release of a hold its contents go. */
export const askAgainMs = 5 * 60_000;
const tenantsAtOnceMax = 1_000;
/** In one transaction and one entry: 100 ids are 4 KB of it. */
const atOnceMax = 100;
/** One turn looks at 10,000 of an organisation; one that deletes more gets the next turn, five seconds later. */
const pagesMax = 100;

/**
 * Contents that were deleted or have expired are hidden at once, and their keys destroyed when governance has said that no legal hold keeps them. While it cannot be
 * asked, they stay: hidden and sealed.
 */
@Injectable()
export class Deletions {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(LiveHolds) private readonly holds: LiveHolds,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(TenantLog) private readonly log: TenantLog,
    @Inject(ContentDeletionStore) private readonly store: ContentDeletionStore,
  ) {}

  /** One turn. What keeps one organisation's keeps no other's; it is thrown at the end. Errors: those of asking governance, `STARTING`. */
  async settle(kind: ContentKind): Promise<void> {
    const sinceMs = this.clock.nowMs() - askAgainMs;
    const tenants = await withTenant(this.dataSource, '*', (manager) => this.store.tenants(manager, kind, sinceMs, tenantsAtOnceMax));
    let failed: unknown;
    for (const tenant of tenants) await this.settleOf(kind, tenant, sinceMs).catch((error: unknown) => (failed ??= error));
    if (tenants.length > 0) this.outbox.kick();
    if (failed !== undefined) throw failed as Error;
  }

  private async settleOf(kind: ContentKind, tenant: string, sinceMs: number): Promise<void> {
    for (let page = 0, looked = atOnceMax; page < pagesMax && looked === atOnceMax; page += 1) {
      // What a hold covers that is placed after this answer may be gone when it is: so each page asks anew.
      const holds = await this.holds.of(tenant);
      looked = await withTenant(this.dataSource, tenant, (manager) => this.decide(manager, kind, tenant, holds, sinceMs));
    }
  }

  private async decide(manager: EntityManager, kind: ContentKind, tenant: string, holds: readonly LiveHold[], sinceMs: number): Promise<number> {
    const timeMs = this.clock.nowMs();
    const due = await this.store.due(manager, kind, tenant, sinceMs, atOnceMax);
    const looked = due.map((content) => ({ ...content, hold: holdOf(holds, content)?.id }));
    const [held, over] = [looked.filter(({ hold }) => hold !== undefined), looked.filter(({ hold }) => hold === undefined)];
    await this.store.keep(manager, kind, held.map(({ id }) => id), timeMs);
    await this.store.letGo(manager, kind, over.map(({ id }) => id));
    const [begun, done] = [held.filter(({ isToldHeld }) => !isToldHeld), over.filter(({ isToldHeld }) => isToldHeld)];
    if (begun.length > 0) await this.log.record(manager, tenant, { type: 'deletion.held', timeMs, fields: { kind, ids: begun.map(({ id }) => id), holds: [...new Set(begun.map(({ hold }) => hold!))] } });
    if (done.length > 0) await this.log.record(manager, tenant, { type: 'deletion.done', timeMs, fields: { kind, ids: done.map(({ id }) => id) } });
    return due.length;
  }
}
