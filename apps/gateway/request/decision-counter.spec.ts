import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decisionCount, idleCountMs, operatorRecord, unpackRecords } from '#protocol';
import type { DecisionCount, LogRecord } from '#protocol';
import { CountingIds, ManualClock, uuidOf } from '../examples.js';
import { DecisionCounter } from './decision-counter.js';

const lostMs = 30_000;

function world() {
  const clock = new ManualClock();
  const counter = new DecisionCounter('gw-1', new CountingIds(), clock);
  const sent: LogRecord[] = [];
  const commit = async (record: LogRecord): Promise<void> => void sent.push(record);
  const decide = (n: number, mayBeRecorded = false): LogRecord => ({ ...operatorRecord({ id: uuidOf(n), type: 'refused', timeMs: clock.nowMs(), fields: { n }, facts: null }), decision: counter.take(uuidOf(n), mayBeRecorded) });
  const counts = (): DecisionCount[] => sent.map(({ fields }) => decisionCount.parse(fields));
  return { clock, counter, sent, commit, decide, counts };
}

describe('the counter of decisions', () => {
  it('says which records have the numbers so far, and nothing while there is none', async () => {
    const { counter, commit, decide, counts } = world();
    await counter.count(commit);
    const [first, second] = [decide(1), decide(2)];
    counter.confirm(second);
    counter.confirm(first);
    await counter.count(commit);
    await counter.count(commit);
    expect(counts()).toMatchObject([{ gateway: 'gw-1', from: 1, to: 2, unconfirmed: [], final: false }]);
    expect(unpackRecords(counts()[0]!.records)).toEqual([uuidOf(1), uuidOf(2)]);
  });

  it('waits for what is under way, and names what may not have arrived', async () => {
    const { clock, counter, commit, decide, counts } = world();
    const records = [decide(1), decide(2), decide(3)];
    counter.giveUp(records[0]!);
    counter.confirm(records[2]!);
    await counter.count(commit);
    expect(counts()).toMatchObject([{ from: 1, to: 1, unconfirmed: [1] }]);
    clock.ms += lostMs + 1;
    await counter.count(commit);
    expect(counts()[1]).toMatchObject({ from: 2, to: 3, unconfirmed: [2] });
  });

  it('does not answer for the content of a record that an earlier run may have made', async () => {
    const { counter, commit, decide, counts } = world();
    const [first, second] = [decide(1), decide(2, true)];
    counter.confirm(second);
    counter.confirm(first);
    await counter.count(commit);
    expect(counts()).toMatchObject([{ from: 1, to: 2, unconfirmed: [2] }]);
  });

  it('sends a count that was not acknowledged again as it was', async () => {
    const { counter, commit, decide, sent } = world();
    counter.confirm(decide(1));
    const tried: LogRecord[] = [];
    await expect(counter.count((record) => (tried.push(record), Promise.reject(new Error('away'))))).rejects.toThrow('away');
    counter.confirm(decide(2));
    await counter.count(commit);
    expect(sent.map(({ id }) => id)[0]).toBe(tried[0]!.id);
    expect(sent).toHaveLength(2);
  });

  it('ends with a count that says so, once', async () => {
    const { counter, commit, decide, counts } = world();
    counter.confirm(decide(1));
    await counter.count(commit);
    await counter.count(commit, true);
    await counter.count(commit, true);
    expect(counts().map(({ from, to, final }) => [from, to, final])).toEqual([[1, 1, false], [2, 1, true]]);
  });

  it('gives a sign of life when it decides nothing for long', async () => {
    const { clock, counter, commit, decide, counts } = world();
    counter.confirm(decide(1));
    await counter.count(commit);
    clock.ms += idleCountMs;
    await counter.count(commit);
    expect(counts()[1]).toMatchObject({ from: 2, to: 1, final: false });
  });

  it('leaves no number out and counts none twice, whatever comes when', async () => {
    const step = fc.constantFrom('decide', 'confirm', 'give up', 'count', 'fail to count', 'wait');
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { clock, counter, commit, decide, counts } = world();
        const open: LogRecord[] = [];
        let decided = 0;
        for (const one of steps) {
          if (one === 'decide') open.push(decide((decided += 1)));
          else if (one === 'confirm') open.splice(0, 1).forEach((record) => counter.confirm(record));
          else if (one === 'give up') open.splice(-1).forEach((record) => counter.giveUp(record));
          else if (one === 'count') await counter.count(commit);
          else if (one === 'fail to count') await counter.count(() => Promise.reject(new Error('away'))).catch(() => undefined);
          else clock.ms += 10_000;
        }
        await counter.count(commit, true);
        expect(counts().flatMap(({ records }) => unpackRecords(records))).toEqual(Array.from({ length: decided }, (_, at) => uuidOf(at + 1)));
        let next = 1;
        for (const { from, to } of counts()) {
          expect(from).toBe(next);
          next = to + 1;
        }
        if (decided > 0) expect(counts().at(-1)!.final).toBe(true);
      }),
      { seed: 5, numRuns: 200 },
    );
  });
});
