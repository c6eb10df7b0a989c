import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { signedReceipt, uuid } from '#protocol';
import type { SignedReceipt } from '#protocol';
import { syncDirectory, writeDurably } from '../keys/key-file.js';

/** A line of the journal: a receipt that was signed, or records whose receipts are settled on chain. */
const line = z.union([z.object({ record: uuid, receipt: signedReceipt }), z.object({ settled: z.array(uuid) })]);
type Line = z.output<typeof line>;

/**
 * The receipts of work that is not yet paid, on disk. Append-only, synced before a receipt counts as kept; many receipts that
 * come at once share one sync. Rewritten without what is settled at each start.
 */
export class ReceiptJournal {
  private queue: { text: string; resolve: () => void; reject: (error: unknown) => void }[] = [];
  private writing: Promise<void> | undefined;
  /** A write failed half-way: the next one starts a new line. */
  private torn = false;

  private constructor(
    private readonly file: FileHandle,
    private readonly open: Map<string, SignedReceipt>,
  ) {}

  static async open(directory: string): Promise<ReceiptJournal> {
    const path = join(directory, 'receipts.jsonl');
    const unsettled = existsSync(path) ? replay(readFileSync(path, 'utf8')) : new Map<string, SignedReceipt>();
    compact(path, unsettled);
    return new ReceiptJournal(await open(path, 'a', 0o600), unsettled);
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

  async close(): Promise<void> {
    await this.writing;
    await this.file.close();
  }

  private append(entry: Line): Promise<void> {
    return new Promise((resolve, reject) => {
      this.queue.push({ text: `${JSON.stringify(entry)}\n`, resolve, reject });
      this.writing ??= this.write().finally(() => (this.writing = undefined));
    });
  }

  private async write(): Promise<void> {
    while (this.queue.length > 0) {
      const batch = this.queue;
      this.queue = [];
      try {
        await this.file.appendFile(`${this.torn ? '\n' : ''}${batch.map(({ text }) => text).join('')}`);
        this.torn = false;
        await this.file.datasync();
        for (const { resolve } of batch) resolve();
      } catch (error) {
        this.torn = true;
        for (const { reject } of batch) reject(error);
      }
    }
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
