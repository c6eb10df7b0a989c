import { Controller } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ConsumeEvent } from '#messaging';
import { schedulerEvents } from '#protocol';
import type { PayloadOf } from '#protocol';
import { withTenant } from '#service';
import { ExposureStore } from './exposure.store.js';

/** Learns which machine earns for which payee, so that it can be handed what is signed for it. Again does nothing. */
@Controller()
export class NodesConsumer {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: ExposureStore,
  ) {}

  @ConsumeEvent(schedulerEvents.nodeEnrolled, { durable: 'settlement-node-enrolled' })
  async onEnrolled({ node, payoutAddress }: PayloadOf<typeof schedulerEvents.nodeEnrolled>): Promise<void> {
    await withTenant(this.dataSource, '*', (manager) => this.store.addNode(manager, node, payoutAddress));
  }
}
