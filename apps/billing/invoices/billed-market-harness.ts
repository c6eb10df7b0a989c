import type { Buyer } from '#protocol';
import type { Books } from '../books-harness.js';
import { bank, frankfurt } from '../invoices-harness.js';
import { admittedFacts, completedFacts, openMarket, recordOf } from '../records-harness.js';
import type { Market, TestNode } from '../records-harness.js';
import type { FoundInvoice } from './invoices.store.js';
import { InvoicesRpc } from './invoices.rpc.js';
import { InvoicesService } from './invoices.service.js';
import { PartiesRpc } from './parties.rpc.js';

export const [fromMs, toMs] = [Date.parse('2026-01-01'), Date.parse('2026-02-01')];
const inJanuaryMs = Date.parse('2026-01-15T12:00:00Z');
export const actor = { keyId: null, tenant: null } as never;

/** An organisation that buys from a seller of its own, with usage to be invoiced. */
export interface BilledMarket {
  readonly market: Market;
  readonly seller: string;
  buy(buyer?: Partial<Buyer>, tenant?: string): Promise<unknown>;
  /** A request, of January unless said otherwise, that costs `usd` millionths of a dollar. */
  use(usdMillionths: number, endMs?: number): Promise<void>;
  draft(period?: [number, number]): Promise<FoundInvoice>;
  issue(period?: [number, number]): Promise<FoundInvoice>;
  balance(code: string, currency?: string): Promise<bigint>;
  get(id: string, tenant?: string): ReturnType<InvoicesRpc['get']>;
}

/** Of a new seller, or of one that is there. */
export async function openBilledMarket(books: Books, node: TestNode, of?: string): Promise<BilledMarket> {
  const market = await openMarket(books, 10n ** 15n);
  const lease = await market.acquire('gateway-1', 10n ** 14n);
  const seller = of ?? books.ids.uuid();
  if (of === undefined) await books.get(PartiesRpc).putSeller({ actor, id: seller, seller: { ...frankfurt, numberPrefix: `S${seller.slice(-6).toUpperCase()}` } });
  const billed: BilledMarket = {
    market,
    seller,
    buy: (buyer = {}, tenant = market.tenant) => books.get(PartiesRpc).putBuyer({ actor, tenant, seller, buyer: { ...bank, currency: 'USD', country: 'US', vatId: null, ...buyer } }),
    use: async (usdMillionths, endMs = inJanuaryMs) => {
      const facts = admittedFacts(books.ids, market, lease, node, { admittedAtMs: endMs - 50 });
      await market.book(recordOf(facts), recordOf(completedFacts(facts, node, usdMillionths)));
    },
    draft: (period = [fromMs, toMs]) => books.get(InvoicesService).draft(market.tenant, ...period),
    issue: async (period) => books.get(InvoicesService).issue(market.tenant, (await billed.draft(period)).id),
    balance: async (code, currency = 'USD') => {
      const [row] = await books.within((manager) => manager.query<{ balance: string }[]>('SELECT balance FROM billing.accounts WHERE code = $1 AND currency = $2', [code, currency]));
      return BigInt(row?.balance ?? 0);
    },
    get: (id, tenant = market.tenant) => books.get(InvoicesRpc).get({ tenant, id }),
  };
  await billed.buy();
  return billed;
}

/** What a dollar is worth in euros, and a moment when the drafts of January are due. */
export async function openInvoicing(books: Books): Promise<void> {
  await books.get(PartiesRpc).putRate({ actor, rate: { currency: 'EUR', nanosPerUsd: 900_000_000n, validFromMs: 0, source: 'ECB' } });
  books.clock.advance(Date.parse('2026-02-04') - books.clock.nowMs());
}
