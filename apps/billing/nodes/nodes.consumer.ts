import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ConsumeEvent, Inbox, Outbox } from '#messaging';
import type { EventMeta } from '#messaging';
import { schedulerEvents } from '#protocol';
import type { PayloadOf } from '#protocol';
import { withTenant } from '#service';
import { PricesService } from '../prices/prices.service.js';
import { NodesStore } from './nodes.store.js';

const enrolled = 'billing-node-enrolled';
const revoked = 'billing-node-revoked';

/** Learns whom to pay and what is asked when a node joins, and takes its prices off the market when it is revoked. */
@Controller()
export class NodesConsumer {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Inbox) private readonly inbox: Inbox,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(NodesStore) private readonly nodes: NodesStore,
    @Inject(PricesService) private readonly prices: PricesService,
  ) {}

  @ConsumeEvent(schedulerEvents.nodeEnrolled, { durable: enrolled })
  async onEnrolled(payload: PayloadOf<typeof schedulerEvents.nodeEnrolled>, meta: EventMeta): Promise<void> {
    const { node, name, publicKey, payoutAddress, offers } = payload;
    await withTenant(this.dataSource, '*', async (manager) => {
      if (!(await this.inbox.claim(manager, enrolled, meta.id))) return;
      await this.nodes.enrol(manager, { node, name, publicKey, payoutAddress });
      await this.prices.listAsks(manager, node, offers);
    });
    this.outbox.kick();
  }

  @ConsumeEvent(schedulerEvents.nodeRevoked, { durable: revoked })
  async onRevoked({ node }: PayloadOf<typeof schedulerEvents.nodeRevoked>, meta: EventMeta): Promise<void> {
    await withTenant(this.dataSource, '*', async (manager) => {
      if (await this.inbox.claim(manager, revoked, meta.id)) await this.prices.delist(manager, node);
    });
    this.outbox.kick();
  }
}
