import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import type { SignedReceipt } from '#protocol';
import { withTenant } from '#service';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { anomalyKinds } from '../anomalies/anomaly.js';
import type { Anomaly } from '../anomalies/anomaly.js';
import { operatorTenant } from '../ledger/chart-of-accounts.js';
import { NodesStore } from '../nodes/nodes.store.js';
import { contestedReceipt, verifiedReceipt } from './receipt.js';
import type { Receipt } from './receipt.js';
import { ReceiptsStore } from './receipts.store.js';
import { SettledNotices } from './settled-notices.service.js';

/** A receipt as it arrived on a node's own subject. */
export interface SentReceipt {
  readonly node: string;
  readonly sequence: number;
  readonly signed: SignedReceipt;
}

@Injectable()
export class ReceiptsService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(NodesStore) private readonly nodes: NodesStore,
    @Inject(ReceiptsStore) private readonly receipts: ReceiptsStore,
    @Inject(AnomaliesStore) private readonly anomalies: AnomaliesStore,
    @Inject(SettledNotices) private readonly notices: SettledNotices,
  ) {}

  /** Keeps each receipt once, matches it to its charge, and answers those that are settled already. */
  async take(sent: readonly SentReceipt[]): Promise<void> {
    const settled = await withTenant(this.dataSource, '*', async (manager) => {
      const keys = await this.nodes.find(manager, sent.map(({ node }) => node));
      const good: Receipt[] = [];
      const bad: Anomaly[] = [];
      for (const { node, sequence, signed } of sent) {
        const { receipt } = verifiedReceipt(signed, node, keys.get(node)?.publicKey);
        if (receipt) good.push(receipt);
        else bad.push({ kind: anomalyKinds.receiptSignature, subject: `message ${sequence}`, tenant: operatorTenant, detail: { node } });
      }
      const conflicting = await this.receipts.add(manager, good, this.clock.nowMs());
      bad.push(...conflicting.map(contestedReceipt));
      await this.anomalies.add(manager, bad);
      const records = good.map(({ body }) => body.record);
      await this.receipts.match(manager, records);
      const answered = new Set(good.map(({ body }) => `${body.record} ${body.node}`));
      return (await this.receipts.settledOf(manager, records)).filter(({ record, node }) => answered.has(`${record} ${node}`));
    });
    this.notices.send(settled);
  }
}
