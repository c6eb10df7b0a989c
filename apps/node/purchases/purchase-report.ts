import { formatNanos } from '#kernel';
import { isLoss } from './purchase.js';
import type { Purchase } from './purchase.js';

/** What was bought at one seller on one day (UTC). Amounts are US dollars as decimal text. */
export interface DayAtSeller {
  readonly day: string;
  readonly host: string;
  readonly requests: number;
  readonly paidUsd: string;
  /** Of it: what was paid for requests that got no answer. */
  readonly lostUsd: string;
  /** What may still be taken. */
  readonly openUsd: string;
}

type Counted = Pick<Purchase, 'id' | 'host' | 'atMs' | 'state' | 'ended' | 'nanos' | 'nanosMax'>;

/** By day and seller, the newest day first. A purchase that is named twice counts once. */
export function purchaseReport(purchases: Iterable<Counted>): DayAtSeller[] {
  const once = new Map([...purchases].map((bought) => [bought.id, bought]));
  const groups = new Map<string, Counted[]>();
  for (const bought of once.values()) {
    const key = `${new Date(bought.atMs).toISOString().slice(0, 10)} ${bought.host}`;
    groups.set(key, [...(groups.get(key) ?? []), bought]);
  }
  const sum = (of: readonly Counted[], nanos: (one: Counted) => bigint | null): string => formatNanos(of.reduce((total, one) => total + (nanos(one) ?? 0n), 0n));
  return [...groups]
    .map(([key, of]) => ({
      day: key.slice(0, 10),
      host: key.slice(11),
      requests: of.length,
      paidUsd: sum(of, ({ state, nanos }) => (state === 'paid' ? nanos : 0n)),
      lostUsd: sum(of, (one) => (isLoss(one) ? one.nanos : 0n)),
      openUsd: sum(of, ({ state, nanosMax }) => (state === 'signed' ? nanosMax : 0n)),
    }))
    .sort((a, b) => (a.day === b.day ? (a.host < b.host ? -1 : 1) : a.day < b.day ? 1 : -1));
}
