import { beforeEach, describe, expect, it } from '@jest/globals';
import { limits, operatorRecord } from '#protocol';
import type { LogRecord } from '#protocol';
import { CountingIds, ManualClock, MemoryLog, uuidOf } from '../examples.js';
import { DecisionCounter } from './decision-counter.js';
import { GroupCommit } from './group-commit.js';
import { Recorder } from './record.js';

const record = (n: number, text = ''): LogRecord => operatorRecord({ id: uuidOf(n), type: 'budget.set', timeMs: 1_700_000_000_000, fields: { text }, facts: null });
const recorderOn = (log: MemoryLog, clock: ManualClock): Recorder => new Recorder(log, new CountingIds(), clock, new DecisionCounter('gw-1', new CountingIds(), clock));

describe('group commits', () => {
  let log: MemoryLog;
  let commits: GroupCommit;
  beforeEach(() => {
    log = new MemoryLog();
    commits = new GroupCommit(log, new CountingIds());
  });

  it('carries what comes within a millisecond in one message', async () => {
    await Promise.all([1, 2, 3].map((n) => commits.add(record(n))));
    expect(log.commits.map(({ records }) => records.map(({ id }) => id))).toEqual([[uuidOf(1), uuidOf(2), uuidOf(3)]]);
  });

  it('sends 64 records at once and the rest after, losing and doubling none', async () => {
    await Promise.all(Array.from({ length: 200 }, (_, n) => commits.add(record(n))));
    expect(log.commits.map(({ records }) => records.length)).toEqual([64, 64, 64, 8]);
    expect(new Set(log.records.map(({ id }) => id)).size).toBe(200);
    expect(new Set(log.commits.map(({ id }) => id)).size).toBe(4);
  });

  it('stays far below the payload limit when records are large', async () => {
    await Promise.all(Array.from({ length: 60 }, (_, n) => commits.add(record(n, 'x'.repeat(40_000)))));
    expect(Math.max(...log.commits.map(({ bytes }) => bytes))).toBeLessThan(700 * 1024);
    expect(log.records).toHaveLength(60);
  });

  it('refuses a record that no message can carry, and those beside it are none the worse', async () => {
    const results = await Promise.allSettled([commits.add(record(1)), commits.add(record(2, 'x'.repeat(1024 * 1024))), commits.add(record(3))]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(log.records.map(({ id }) => id)).toEqual([uuidOf(1), uuidOf(3)]);
  });

  it('resolves only after the acknowledgement', async () => {
    let acknowledge!: () => void;
    log.beforeAck = () => new Promise((resolve) => (acknowledge = resolve));
    let done = false;
    const added = commits.add(record(1)).then(() => (done = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(done).toBe(false);
    acknowledge();
    await added;
    expect(done).toBe(true);
  });

  it('sends a commit again under the same id when the acknowledgement is lost', async () => {
    const ids: string[] = [];
    const append = log.append.bind(log);
    log.append = (commit, id) => {
      ids.push(id);
      return append(commit, id);
    };
    log.failNext = 1;
    await commits.add(record(1));
    expect(ids).toEqual([ids[0], ids[0]]);
  });
});

describe('the recorder', () => {
  it('says that nothing can be recorded while the stream is away', async () => {
    const log = new MemoryLog();
    const recorder = recorderOn(log, new ManualClock());
    recorder.assertAvailable();
    log.available = false;
    expect(() => recorder.assertAvailable()).toThrow(expect.objectContaining({ code: 'RECORD_UNAVAILABLE', details: { isBegun: false } }));
    await expect(recorder.commit(record(1))).rejects.toMatchObject({ code: 'RECORD_UNAVAILABLE' });
  });

  it('writes what it owes when it can, at the latest when it closes', async () => {
    const log = new MemoryLog();
    const recorder = recorderOn(log, new ManualClock());
    recorder.commitEventually(record(1), new ManualClock().nowMs());
    await recorder.close();
    expect(log.records.map(({ id }) => id)).toEqual([uuidOf(1)]);
  });

  it('conformance 62: owes no more than it can hold while the stream is away', async () => {
    const log = new MemoryLog();
    const clock = new ManualClock();
    const recorder = recorderOn(log, clock);
    log.available = false;
    for (let n = 0; n < 6_000; n += 1) recorder.commitEventually(record(n), clock.nowMs());
    log.available = true;
    let before = -1;
    while (log.records.length > before) {
      before = log.records.length;
      await recorder.close();
    }
    expect(log.records).toHaveLength(4_096);
  });

  it('leaves to billing what is owed past half of its grace', async () => {
    const log = new MemoryLog();
    const clock = new ManualClock();
    const recorder = recorderOn(log, clock);
    recorder.commitEventually(record(1), clock.nowMs());
    recorder.commitEventually(record(2), clock.nowMs() + 1);
    clock.ms += limits.admissionGraceMs / 2;
    await recorder.close();
    expect(log.records.map(({ id }) => id)).toEqual([uuidOf(2)]);
  });
});
