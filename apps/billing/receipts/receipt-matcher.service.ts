import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { openReceipt } from '#protocol';
import { PeriodicTask, SERVICE_CONFIG, withTenant } from '#service';
import type { BillingConfig } from '../billing-config.js';
import { ReceiptsStore } from './receipts.store.js';

/** Signatures checked in one round. */
const receiptsPerRound = 200;

/** Picks up what could not be settled at arrival: receipts before their node's key, or at the same instant as their charge. */
@Injectable()
export class ReceiptMatcher extends PeriodicTask {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) config: BillingConfig,
    @Inject(ReceiptsStore) private readonly receipts: ReceiptsStore,
  ) {
    super(config.BILLING_SWEEP_MS);
  }

  runOnce(): Promise<void> {
    return withTenant(this.dataSource, '*', async (manager) => {
      for (const receipt of await this.receipts.verifiable(manager, receiptsPerRound)) {
        await this.receipts.setVerified(manager, receipt, openReceipt(receipt.signed, receipt.publicKey) !== undefined);
      }
      await this.receipts.match(manager, null);
    });
  }
}
