import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { packRecords } from '#protocol';
import { DecisionLedger } from './decision-ledger.js';
import type { SeenEntry } from './decision-ledger.js';

const idOf = (n: number): string => `018f0000-0000-7000-8000-${String(n).padStart(12, '0')}`;
const run = idOf(999);
const leafOf = (n: number): Uint8Array => createHash('sha256').update(String(n)).digest();
type Entry = Omit<SeenEntry, 'index'>;

const decision = (n: number): Entry => ({ id: idOf(n), type: 'admitted', timeMs: 0, leaf: leafOf(n), fields: null });
function count(from: number, to: number, changes: Record<string, unknown> = {}): Entry {
  const numbers = Array.from({ length: to - from + 1 }, (_, at) => from + at);
  const leaves = createHash('sha256');
  for (const n of numbers) leaves.update(leafOf(n));
  const fields = { gateway: 'gw-1', run, from, to, records: packRecords(numbers.map(idOf)), unconfirmed: [], leaves: leaves.digest('hex'), final: false, ...changes };
  return { id: idOf(1000 + from), type: 'decisions.counted', timeMs: 0, leaf: leafOf(0), fields };
}
const closed = (fields: Record<string, unknown>): Entry => ({ id: idOf(5000), type: 'run.closed', timeMs: 0, leaf: leafOf(0), fields: { gateway: 'gw-1', run, ...fields } });

function ledgerOf(entries: readonly Entry[], nowMs = 3_600_000) {
  const ledger = new DecisionLedger();
  entries.forEach((entry, index) => ledger.take({ ...entry, index }));
  const { problems, looked } = ledger.finish(nowMs);
  return { problems: problems.map(({ message }) => message), looked };
}

describe('the ledger of decisions', () => {
  it('finds nothing wrong with what is counted, in whatever order several sequencers put it', () => {
    const entries = [decision(2), decision(1), count(1, 3), decision(3), decision(4), count(4, 4, { final: true })];
    expect(ledgerOf(entries)).toEqual({ problems: [], looked: '4 decisions of 1 runs of gateways, each counted' });
  });

  it('names a decision that was left out of the log', () => {
    expect(ledgerOf([decision(1), decision(3), count(1, 3)]).problems).toEqual([`decision 2 of gw-1 (run ${run}, counted in entry 2) is not in the log: record ${idOf(2)}`]);
  });

  it('names a record that was exchanged for another', () => {
    const other = { ...decision(2), leaf: leafOf(77) };
    expect(ledgerOf([decision(1), other, count(1, 2)]).problems).toEqual([`a record of decisions 1 to 2 of gw-1 (run ${run}) is not the one that entry 2 counted`]);
  });

  it('names a count that was left out, and one that comes twice', () => {
    expect(ledgerOf([decision(1), count(1, 1), decision(3), count(3, 3)]).problems).toEqual([`decisions 2 to 2 were not counted: entry 3 of gw-1 (run ${run}) begins at 3`]);
    expect(ledgerOf([decision(1), count(1, 1), count(1, 1)]).problems[0]).toContain('decision 1 was counted before');
  });

  it('names a record that no gateway has counted, once it had time to', () => {
    const late = { ...decision(9), timeMs: 3_000_000 };
    expect(ledgerOf([decision(1), count(1, 1), late]).problems).toEqual([`record ${idOf(9)} (admitted, entry 2) is in the log, and no gateway has counted it`]);
    expect(ledgerOf([decision(1), count(1, 1), late], 3_010_000)).toEqual({ problems: [], looked: expect.stringContaining('1 not counted yet') });
  });

  it('lets be missing what the gateway itself could not confirm, and what a dead gateway took with it, and says so', () => {
    const leaves = createHash('sha256').update(leafOf(1)).digest('hex');
    expect(ledgerOf([decision(1), count(1, 2, { unconfirmed: [2], leaves })])).toEqual({ problems: [], looked: '1 decisions of 1 runs of gateways, each counted; 1 not confirmed' });
    const ledger = ledgerOf([decision(1), count(1, 1), decision(2), decision(4), closed({ countedTo: 1, lastKnown: 4, numbers: [2, 4], records: packRecords([idOf(2), idOf(4)]), missing: [3] })]);
    expect(ledger).toEqual({ problems: [], looked: expect.stringContaining('gw-1 is known to 4 only, without 3') });
  });

  it('says what is from before numbers were kept', () => {
    expect(ledgerOf([decision(50), decision(1), count(1, 1)])).toEqual({ problems: [], looked: expect.stringContaining('1 from before the first count') });
  });
});
