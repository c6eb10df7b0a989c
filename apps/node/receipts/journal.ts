import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { signedReceipt, uuid } from '#protocol';
import type { SignedReceipt } from '#protocol';
import { syncDirectory, writeDurably } from '../keys/key-file.js';
import { SyncedLines } from '../keys/synced-lines.js';

/** A line of the journal: a receipt that was signed, or records whose receipts are settled on chain. */
const line = z.union([z.object({ record: uuid, receipt: signedReceipt }), z.object({ settled: z.array(uuid) })]);
type Line = z.output<typeof line>;

/**
 * The receipts of work that is not yet paid, on disk. Append-only, synced before a receipt counts as kept; many receipts that
 * come at once share one sync. Rewritten without what is settled at each start.
 */
export class ReceiptJournal {
  private constructor(
    private readonly lines: SyncedLines,
    private readonly open: Map<string, SignedReceipt>,
  ) {}

  static async open(directory: string): Promise<ReceiptJournal> {
    const path = join(directory, 'receipts.jsonl');
    const unsettled = existsSync(path) ? replay(readFileSync(path, 'utf8')) : new Map<string, SignedReceipt>();
    compact(path, unsettled);
    return new ReceiptJournal(new SyncedLines(await open(path, 'a', 0o600)), unsettled);
  }

  /** Resolves when the receipt is on disk. */
  async keep(record: string, receipt: SignedReceipt): Promise<void> {
    await this.append({ record, receipt });
    this.open.set(record, receipt);
  }

  /** Forgets receipts that are settled. */
  async settle(records: readonly string[]): Promise<void> {
    const known = records.filter((record) => this.open.has(record));
    if (known.length === 0) return;
    await this.append({ settled: known });
    for (const record of known) this.open.delete(record);
  }

  /** Receipts not settled yet, oldest first. */
  unsettled(): ReadonlyMap<string, SignedReceipt> {
    return this.open;
  }

  close(): Promise<void> {
    return this.lines.close();
  }

  private append(entry: Line): Promise<void> {
    return this.lines.append(JSON.stringify(entry));
  }
}

/** What a journal's text leaves unsettled. A last line torn by a crash was never promised to anybody. */
function replay(text: string): Map<string, SignedReceipt> {
  const unsettled = new Map<string, SignedReceipt>();
  for (const written of text.split('\n')) {
    const entry = parse(written);
    if (entry === undefined) continue;
    if ('settled' in entry) for (const record of entry.settled) unsettled.delete(record);
    else unsettled.set(entry.record, entry.receipt);
  }
  return unsettled;
}

function parse(written: string): Line | undefined {
  try {
    return line.safeParse(JSON.parse(written)).data;
  } catch {
    return undefined;
  }
}

function compact(path: string, unsettled: ReadonlyMap<string, SignedReceipt>): void {
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  writeDurably(draft, [...unsettled].map(([record, receipt]) => `${JSON.stringify({ record, receipt })}\n`).join(''));
  renameSync(draft, path);
  syncDirectory(dirname(path));
}
