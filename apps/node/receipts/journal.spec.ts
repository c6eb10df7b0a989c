import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SystemClock, SystemIds } from '#kernel';
import { ReceiptJournal } from './journal.js';

const ids = new SystemIds(new SystemClock());
const receipt = { bytes: 'e30=', signature: 'AA==' };

describe('the receipt journal', () => {
  let directory: string;
  const file = (): string => join(directory, 'receipts.jsonl');
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'journal-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('keeps receipts over a restart until they are settled', async () => {
    const [a, b, c] = [ids.uuid(), ids.uuid(), ids.uuid()];
    const first = await ReceiptJournal.open(directory);
    await Promise.all([a, b, c].map((record) => first.keep(record, receipt)));
    await first.settle([b]);
    await first.close();
    const second = await ReceiptJournal.open(directory);
    expect([...second.unsettled().keys()]).toEqual([a, c]);
    expect(readFileSync(file(), 'utf8')).not.toContain(b);
    await second.close();
  });

  it('has a receipt on disk when keeping it resolves, without being closed', async () => {
    const journal = await ReceiptJournal.open(directory);
    const record = ids.uuid();
    await journal.keep(record, receipt);
    expect(readFileSync(file(), 'utf8')).toContain(record);
    await journal.close();
  });

  it('survives a last line torn by a crash', async () => {
    const record = ids.uuid();
    const journal = await ReceiptJournal.open(directory);
    await journal.keep(record, receipt);
    await journal.close();
    appendFileSync(file(), `{"record":"${ids.uuid()}","rece`);
    const again = await ReceiptJournal.open(directory);
    const next = ids.uuid();
    await again.keep(next, receipt);
    await again.close();
    expect([...(await ReceiptJournal.open(directory)).unsettled().keys()]).toEqual([record, next]);
  });

  it('is readable by its owner only and ignores settlements it knows nothing of', async () => {
    const journal = await ReceiptJournal.open(directory);
    await journal.settle([ids.uuid()]);
    await journal.close();
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(file()).size).toBe(0);
  });
});
