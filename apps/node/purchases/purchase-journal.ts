import { appendFileSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { evmAddress, uuid } from '#protocol';
import { syncDirectory, writeDurably } from '../keys/key-file.js';
import { SyncedLines } from '../keys/synced-lines.js';
import { purchase } from './purchase.js';
import type { Purchase } from './purchase.js';

const file = 'purchases.jsonl';
const pastFile = 'purchases-past.jsonl';
const withoutHeader = purchase.omit({ header: true });
const change = purchase.omit({ id: true, header: true }).partial();
export type Change = z.output<typeof change>;

/** A purchase that was signed, what became of one, or whom a seller is paid by. */
const line = z.union([z.object({ purchase }), z.object({ id: uuid, change }), z.object({ host: z.string(), payTo: evmAddress })]);

/** Decided purchases stay this long where limits are counted and payments are given again; then they are history. */
const recentMs = 2 * 86_400_000;

/**
 * What a machine bought, on disk before it is paid. Append-only and synced; rewritten at each start without decided purchases of two days ago, which
 * `purchases-past.jsonl` keeps without their signatures (one that stands there twice was moved when the machine died).
 */
export class PurchaseJournal {
  private constructor(
    private readonly lines: SyncedLines,
    private readonly purchases: Map<string, Purchase>,
    private readonly payees: Map<string, string>,
  ) {}

  static async open(directory: string, nowMs: number): Promise<PurchaseJournal> {
    const path = join(directory, file);
    const { purchases, payees } = replay(path);
    const past = [...purchases.values()].filter((one) => one.state !== 'signed' && one.atMs < nowMs - recentMs);
    if (past.length > 0) appendFileSync(join(directory, pastFile), past.map((one) => `${JSON.stringify(z.encode(withoutHeader, one))}\n`).join(''), { mode: 0o600 });
    for (const { id } of past) purchases.delete(id);
    rewrite(path, purchases, payees);
    syncDirectory(directory);
    return new PurchaseJournal(new SyncedLines(await open(path, 'a', 0o600)), purchases, payees);
  }

  get(id: string): Purchase | undefined {
    return this.purchases.get(id);
  }

  all(): Iterable<Purchase> {
    return this.purchases.values();
  }

  /** Whom a seller was paid by first. */
  payeeOf(host: string): string | undefined {
    return this.payees.get(host);
  }

  /** Counts a purchase that is about to be signed. */
  reserve(bought: Purchase): void {
    this.purchases.set(bought.id, bought);
  }

  /** Resolves when the purchase is on disk: only then it may be sent. */
  async sign(bought: Purchase): Promise<void> {
    const isNew = !this.payees.has(bought.host);
    this.purchases.set(bought.id, bought);
    if (isNew) this.payees.set(bought.host, bought.payTo);
    const texts = [...(isNew ? [JSON.stringify({ host: bought.host, payTo: bought.payTo })] : []), JSON.stringify({ purchase: z.encode(purchase, bought) })];
    await Promise.all(texts.map((text) => this.lines.append(text)));
  }

  /** A purchase that was never sent. */
  drop(id: string): void {
    this.purchases.delete(id);
  }

  async change(id: string, changed: Change): Promise<void> {
    const known = this.purchases.get(id);
    if (known === undefined) return;
    this.purchases.set(id, { ...known, ...changed });
    await this.lines.append(JSON.stringify({ id, change: z.encode(change, changed) }));
  }

  close(): Promise<void> {
    return this.lines.close();
  }
}

/** What a machine bought as far back as its files go; reads only. */
export function keptPurchases(directory: string): Omit<Purchase, 'header'>[] {
  const path = join(directory, pastFile);
  const past = (existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []).flatMap((text) => {
    try {
      return [withoutHeader.parse(JSON.parse(text))];
    } catch {
      return [];
    }
  });
  return [...past, ...replay(join(directory, file)).purchases.values()];
}

/** A last line torn by a crash was never acted upon. */
function replay(path: string): { purchases: Map<string, Purchase>; payees: Map<string, string> } {
  const purchases = new Map<string, Purchase>();
  const payees = new Map<string, string>();
  for (const text of existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []) {
    const entry = parse(text);
    if (entry === undefined) continue;
    if ('purchase' in entry) purchases.set(entry.purchase.id, entry.purchase);
    else if ('host' in entry) payees.set(entry.host, entry.payTo);
    else {
      const known = purchases.get(entry.id);
      if (known) purchases.set(entry.id, { ...known, ...entry.change });
    }
  }
  return { purchases, payees };
}

function parse(text: string): z.output<typeof line> | undefined {
  try {
    return line.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function rewrite(path: string, purchases: ReadonlyMap<string, Purchase>, payees: ReadonlyMap<string, string>): void {
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  const lines = [...[...payees].map(([host, payTo]) => ({ host, payTo })), ...[...purchases.values()].map((one) => ({ purchase: z.encode(purchase, one) }))];
  writeDurably(draft, lines.map((one) => `${JSON.stringify(one)}\n`).join(''));
  renameSync(draft, path);
}
