import { Controller, Inject } from '@nestjs/common';
import { ConsumeBatch, inSpanOfEach } from '#messaging';
import type { Delivered } from '#messaging';
import { plainCommit, recordCommit, salvageCommit } from '#protocol';
import type { ReceivedCommit } from '#protocol';
import { recordsDurable } from '../records/records-progress.service.js';
import { BookingService } from './booking.service.js';

/** Group commits booked in one transaction: 16 × ≤ 64 records, about 500 requests with both of their facts. */
const commitsPerBatch = 16;
/** Nothing waits for company where nothing is being booked: while a batch is, what makes up the next one gathers by itself. */
const batchWaitMs = 0;

@Controller()
export class RecordsConsumer {
  constructor(@Inject(BookingService) private readonly booking: BookingService) {}

  @ConsumeBatch({ stream: 'RECORDS', durable: recordsDurable, schema: recordCommit, plain: plainCommit, unreadable: salvageCommit, max: commitsPerBatch, waitMs: batchWaitMs })
  async onCommits(batch: readonly Delivered<ReceivedCommit>[]): Promise<void> {
    const inOrder = [...batch].sort((a, b) => a.sequence - b.sequence);
    const records = inOrder.flatMap(({ value }) => value.records);
    await inSpanOfEach('ledger book', records.map(({ traceparent }) => traceparent), () => this.booking.book(records));
  }
}
