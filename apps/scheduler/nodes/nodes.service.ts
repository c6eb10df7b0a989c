import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { Outbox } from '#messaging';
import { failure, operatorRecord, schedulerEvents } from '#protocol';
import type { ReplyOf, RequestOf, schedulerCalls } from '#protocol';
import { withTenant } from '#service';
import { OfferMarket } from '../offers/offer-market.service.js';
import { nodeToWire } from './node.js';
import type { Node } from './node.js';
import { NodeStore } from './nodes.store.js';
import { Revocations } from './revocations.service.js';

type Calls = typeof schedulerCalls;

@Injectable()
export class Nodes {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(NodeStore) private readonly nodes: NodeStore,
    @Inject(OfferMarket) private readonly market: OfferMarket,
    @Inject(Revocations) private readonly revocations: Revocations,
  ) {}

  async list(request: RequestOf<Calls['listNodes']>): Promise<ReplyOf<Calls['listNodes']>> {
    const found = await withTenant(this.dataSource, '*', (manager) => this.nodes.page(manager, request.after, request.limit + 1));
    const nowMs = this.clock.nowMs();
    return { data: found.slice(0, request.limit).map((node) => nodeToWire(node, nowMs)), hasMore: found.length > request.limit };
  }

  /**
   * Takes the node's offers off the market and cuts its connection; its credential never works again. Repeatable.
   * Errors: NOT_FOUND; SERVICE_UNAVAILABLE when the connection could not be cut yet (it will be, and the offers are gone).
   */
  async revoke(request: RequestOf<Calls['revokeNode']>): Promise<ReplyOf<Calls['revokeNode']>> {
    const node = await this.markRevoked(request);
    this.outbox.kick();
    await this.revocations.push();
    return nodeToWire(node, this.clock.nowMs());
  }

  private markRevoked(request: RequestOf<Calls['revokeNode']>): Promise<Node> {
    return withTenant(this.dataSource, '*', async (manager) => {
      const nowMs = this.clock.nowMs();
      const revoked = await this.nodes.revoke(manager, request.node, nowMs);
      if (revoked === undefined) {
        const known = await this.nodes.find(manager, request.node);
        if (known === undefined) throw failure('NOT_FOUND', 'there is no such node');
        return known;
      }
      await this.market.withdraw(manager, revoked.id, nowMs);
      await this.outbox.event(manager, schedulerEvents.nodeRevoked, { node: revoked.id });
      const fields = { node: revoked.id, name: revoked.name, publicKey: revoked.publicKey, by: request.actor.keyId };
      await this.outbox.record(manager, operatorRecord({ id: revoked.id, type: 'node.revoked', timeMs: nowMs, fields, facts: null }));
      return revoked;
    });
  }
}
