import { Controller, Inject } from '@nestjs/common';
import { ConsumeBatch } from '#messaging';
import type { Delivered } from '#messaging';
import { signedReceipt } from '#protocol';
import type { SignedReceipt } from '#protocol';
import { ReceiptsService } from './receipts.service.js';

/** One Ed25519 check is about 0.1 ms: a full batch keeps the loop for 20 ms. */
const receiptsPerBatch = 200;

@Controller()
export class ReceiptsConsumer {
  constructor(@Inject(ReceiptsService) private readonly receipts: ReceiptsService) {}

  /** The subject `node.<id>.up.receipt` says who sent it: only that node may publish there. */
  @ConsumeBatch({ stream: 'RECEIPTS', durable: 'billing-receipts', schema: signedReceipt, max: receiptsPerBatch, waitMs: 5 })
  async onReceipts(batch: readonly Delivered<SignedReceipt>[]): Promise<void> {
    await this.receipts.take(batch.map(({ value, subject, sequence }) => ({ node: subject.split('.')[1]!, sequence, signed: value })));
  }
}
