import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { Outbox, Serve } from '#messaging';
import { claimCalls, failure, operatorRecord } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ClaimsStore } from './claims.store.js';

@Controller()
export class ClaimsRpc {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(ClaimsStore) private readonly claims: ClaimsStore,
  ) {}

  @Serve(claimCalls.list)
  async list(page: RequestOf<typeof claimCalls.list>): Promise<ReplyOf<typeof claimCalls.list>> {
    const rows = await withTenant(this.dataSource, '*', (manager) => this.claims.list(manager, { ...page, limit: page.limit + 1 }));
    return { data: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
  }

  /** What is decided is an entry of the log. Errors: NOT_FOUND, CONFLICT. */
  @Serve(claimCalls.resolve)
  async resolve({ record, node, actor, resolution, note }: RequestOf<typeof claimCalls.resolve>): Promise<ReplyOf<typeof claimCalls.resolve>> {
    const resolved = await withTenant(this.dataSource, '*', async (manager) => {
      if (!(await this.claims.find(manager, record, node))) throw failure('NOT_FOUND', 'there is no claim of this node for this record', { record, node });
      const resolvedAtMs = this.clock.nowMs();
      const isNew = await this.claims.resolve(manager, record, node, { resolution, note, actor, resolvedAtMs });
      const claim = (await this.claims.find(manager, record, node))!;
      if (claim.resolved!.resolution !== resolution || claim.resolved!.note !== note) throw failure('CONFLICT', `this claim was resolved before: ${claim.resolved!.resolution}, ${claim.resolved!.note}`, { record, node });
      if (isNew) await this.outbox.record(manager, operatorRecord({ id: this.ids.uuid(), type: 'claim.resolved', timeMs: resolvedAtMs, fields: { record, node, reason: claim.reason, resolution, note, keyId: actor.keyId }, facts: null }));
      return claim;
    });
    this.outbox.kick();
    return resolved;
  }
}
