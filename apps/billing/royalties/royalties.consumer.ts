import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { isDomainError } from '#kernel';
import { ConsumeEvent, Inbox } from '#messaging';
import type { EventMeta } from '#messaging';
import { royaltyEvents } from '#protocol';
import type { PayloadOf } from '#protocol';
import { withTenant } from '#service';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { anomalyKinds } from '../anomalies/anomaly.js';
import { RoyaltiesService } from './royalties.service.js';

const durable = 'billing-datasets-used';

/** Divides charges as it is told what data they used. A charge that is not booked yet is waited for: the event comes again. */
@Controller()
export class RoyaltiesConsumer {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Inbox) private readonly inbox: Inbox,
    @Inject(RoyaltiesService) private readonly royalties: RoyaltiesService,
    @Inject(AnomaliesStore) private readonly anomalies: AnomaliesStore,
  ) {}

  @ConsumeEvent(royaltyEvents.datasetsUsed, { durable })
  async onUsed(use: PayloadOf<typeof royaltyEvents.datasetsUsed>, meta: EventMeta): Promise<void> {
    try {
      await withTenant(this.dataSource, '*', async (manager) => {
        if (await this.inbox.claim(manager, durable, meta.id)) await this.royalties.note(manager, use);
      });
    } catch (error) {
      // What comes too late, or says otherwise than before, can never be booked: it is named for somebody to settle.
      if (!isDomainError(error, 'CONFLICT') && !isDomainError(error, 'IDEMPOTENCY_MISMATCH')) throw error;
      await withTenant(this.dataSource, '*', async (manager) => {
        if (await this.inbox.claim(manager, durable, meta.id)) await this.anomalies.add(manager, [{ kind: anomalyKinds.royaltyRefused, subject: use.record, tenant: use.tenant, detail: { reason: error.message } }]);
      });
    }
  }
}
