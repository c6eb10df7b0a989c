import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Delivered } from '#messaging';
import { operatorRecord, type LogRecord, type RecordCommit } from '#protocol';
import { RecordsConsumer } from './records.consumer.js';
import type { Sequencer } from './sequencer.service.js';

const record = (): LogRecord => operatorRecord({ id: randomUUID(), type: 'price.set', timeMs: 0, fields: {}, facts: null });
const delivered = (sequence: number, records: LogRecord[]): Delivered<RecordCommit> => ({ value: { v: 1, records }, id: randomUUID(), subject: 'mizan.record.billing', sequence });

describe('the consumer of records', () => {
  it('hands them on in the order of the stream, also when an older message was delivered again', async () => {
    const appended: string[] = [];
    const sequencer = { append: (records: readonly LogRecord[]) => Promise.resolve(appended.push(...records.map(({ id }) => id))) };
    const [one, two, three] = [record(), record(), record()];
    await new RecordsConsumer(sequencer as unknown as Sequencer).append([delivered(9, [three]), delivered(7, [one, two])]);
    expect(appended).toEqual([one.id, two.id, three.id]);
  });
});
