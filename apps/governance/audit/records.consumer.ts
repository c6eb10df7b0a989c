import { Controller } from '@nestjs/common';
import { ConsumeBatch, inSpanOfEach, type Delivered } from '#messaging';
import { plainCommit, recordCommit, type RecordCommit } from '#protocol';
import { Sequencer } from './sequencer.service.js';

/** After a pause, or when it falls behind, one transaction takes this many: it costs about as much as one of few. Their bytes have a bound of their own. */
const messagesPerBatchMax = 512;
/** An entry waits this long for company: 50 ms hold 5,000 entries a second at a quarter of the writer's time. */
const batchWaitMs = 50;

/** Every record of every service, into the log. Acknowledged when it is committed there. */
@Controller()
export class RecordsConsumer {
  constructor(private readonly sequencer: Sequencer) {}

  @ConsumeBatch({ stream: 'RECORDS', durable: 'governance-log', schema: recordCommit, plain: plainCommit, max: messagesPerBatchMax, waitMs: batchWaitMs })
  async append(batch: readonly Delivered<RecordCommit>[]): Promise<void> {
    // In the order of the stream, as the books follow it: of two ends of one request the first counts in both.
    const records = [...batch].sort((a, b) => a.sequence - b.sequence).flatMap(({ value }) => value.records);
    await inSpanOfEach('log append', records.map(({ traceparent }) => traceparent), () => this.sequencer.append(records));
  }
}
