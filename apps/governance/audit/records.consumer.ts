import { Controller } from '@nestjs/common';
import { ConsumeBatch, inSpanOfEach, type Delivered } from '#messaging';
import { mayRecord, plainCommit, recordCommit, salvageCommit, type LogRecord, type ReceivedCommit } from '#protocol';
import type { Rejection } from './rejections.store.js';
import { Sequencer } from './sequencer.service.js';

/** After a pause, or when it falls behind, one transaction takes this many: it costs about as much as one of few. Their bytes have a bound of their own. */
const messagesPerBatchMax = 512;
/** An entry waits this long for company: 50 ms hold 5,000 entries a second at a quarter of the writer's time. */
const batchWaitMs = 50;

/** Every record of every service, into the log. Acknowledged when it is committed there; what cannot be an entry is kept beside it. */
@Controller()
export class RecordsConsumer {
  constructor(private readonly sequencer: Sequencer) {}

  @ConsumeBatch({ stream: 'RECORDS', durable: 'governance-log', schema: recordCommit, plain: plainCommit, unreadable: salvageCommit, max: messagesPerBatchMax, waitMs: batchWaitMs })
  async append(batch: readonly Delivered<ReceivedCommit>[]): Promise<void> {
    // In the order of the stream, as the books follow it: of two ends of one request the first counts in both.
    const records: LogRecord[] = [];
    const rejected: Rejection[] = [];
    for (const { value, subject } of [...batch].sort((a, b) => a.sequence - b.sequence)) sortOut(value, subject, records, rejected);
    await inSpanOfEach('log append', records.map(({ traceparent }) => traceparent), () => this.sequencer.append(records, rejected));
  }
}

/** Adds what came on a subject to the records, or to what is rejected: a service records its own doings alone. */
export function sortOut({ records: received, unread = [] }: ReceivedCommit, subject: string, records: LogRecord[], rejected: Rejection[]): void {
  for (const record of received) {
    if (mayRecord(subject, record.type)) records.push(record);
    else rejected.push({ kind: 'publisher', record, subject, reason: `${subject} is not where records of the type ${record.type} come from` });
  }
  for (const part of unread) rejected.push({ kind: 'unread', subject, ...part });
}
