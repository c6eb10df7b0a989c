import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { Clock } from '#kernel';
import type { Json } from '#kernel';
import { Outbox } from '#messaging';
import { completedFacts } from '#protocol';
import { PeriodicTask, SERVICE_CONFIG, withTenant } from '#service';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { anomalyKinds } from '../anomalies/anomaly.js';
import type { BillingConfig } from '../billing-config.js';
import { PricesStore } from '../prices/prices.store.js';
import type { Receipt } from '../receipts/receipt.js';
import { ReceiptsStore } from '../receipts/receipts.store.js';
import { RecordsProgress } from '../records/records-progress.service.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import type { OpenAdmission } from './admission.js';
import { AdmissionsStore } from './admissions.store.js';
import { closeAdmission } from './close-admission.js';
import type { ClosingPrice } from './close-admission.js';

/** Admissions closed in one transaction: each seals one record, about 0.1 ms. */
const admissionsPerRound = 100;

/**
 * Ends admissions that nobody ended: their gateway died between admission and record. It only writes the missing record
 * (with the state `closing`, so that it is written once); the books change when the stream brings it back, so that the order
 * of the stream decides for the books as for the log, should the gateway's own record still come.
 */
@Injectable()
export class AdmissionSweeper extends PeriodicTask {
  private readonly logger = new Logger(AdmissionSweeper.name);

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) private readonly config: BillingConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(AdmissionsStore) private readonly admissions: AdmissionsStore,
    @Inject(ReceiptsStore) private readonly receipts: ReceiptsStore,
    @Inject(PricesStore) private readonly prices: PricesStore,
    @Inject(AnomaliesStore) private readonly anomalies: AnomaliesStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
    @Inject(RecordsProgress) private readonly progress: RecordsProgress,
  ) {
    super(config.BILLING_SWEEP_MS);
  }

  /** Closes what is overdue by this service's clock, as far as the books have followed the stream. */
  async runOnce(): Promise<number> {
    const nowMs = Math.min(this.clock.nowMs(), await this.progress.caughtUpToMs());
    const closed = await withTenant(this.dataSource, '*', async (manager) => {
      const overdue = await this.admissions.lockOverdue(manager, nowMs - this.config.BILLING_ADMISSION_GRACE_MS, admissionsPerRound);
      let count = 0;
      for (const admission of overdue) {
        if (this.records.knows(admission.tenant)) {
          await this.close(manager, admission);
          count += 1;
        } else this.logger.warn({ message: 'the organisation of an overdue admission is not known', record: admission.record });
      }
      return count;
    });
    if (closed > 0) this.outbox.kick();
    return closed;
  }

  private async close(manager: EntityManager, admission: OpenAdmission): Promise<void> {
    const { record, tenant } = admission;
    const receipts = await this.receipts.verifiedOf(manager, record);
    const prices = new Map<Receipt, ClosingPrice | undefined>();
    for (const receipt of receipts) prices.set(receipt, await this.priceFor(manager, admission, receipt));
    const { type, facts, overHold } = closeAdmission(admission, receipts, (receipt) => prices.get(receipt), this.clock.nowMs());
    const fields = z.encode(completedFacts, facts) as unknown as Record<string, Json>;
    await this.outbox.record(manager, await this.records.seal(tenant, { id: record, type, timeMs: facts.completedAtMs, fields, facts }));
    await this.admissions.setClosing(manager, record);
    await this.anomalies.add(manager, overHold.map(({ node, chargeNanos }) => ({ kind: anomalyKinds.receiptExceedsHold, subject: `${record} ${node}`, tenant, detail: { node, chargeNanos: chargeNanos.toString() } })));
    this.logger.log({ message: 'closed an overdue admission', record, type });
  }

  private async priceFor(manager: EntityManager, admission: OpenAdmission, { body }: Receipt): Promise<ClosingPrice | undefined> {
    if (body.offer === admission.offer && body.node === admission.node) return (await this.prices.versions(manager, [admission.priceVersion])).get(admission.priceVersion);
    return this.prices.at(manager, body.node, body.offer, admission.admittedAtMs);
  }
}
