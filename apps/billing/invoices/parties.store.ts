import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { buyer, failure, seller } from '#protocol';
import type { Buyer, ExchangeRate, InvoiceCurrency, Seller } from '#protocol';
import { dayOf } from './invoice-document.js';

interface RateRow {
  currency: InvoiceCurrency;
  valid_from_ms: string;
  nanos_per_usd: string;
  source: string;
}

const rateOf = (row: RateRow): ExchangeRate => ({ currency: row.currency, nanosPerUsd: BigInt(row.nanos_per_usd), validFromMs: Number(row.valid_from_ms), source: row.source });

/** Who sells, who buys, and what currencies are worth. */
@Injectable()
export class PartiesStore {
  async putSeller(manager: EntityManager, id: string, details: Seller): Promise<void> {
    const [other] = await manager.query<{ id: string }[]>('SELECT id FROM billing.sellers WHERE prefix = $1 AND id <> $2', [details.numberPrefix, id]);
    if (other) throw failure('CONFLICT', `the invoice numbers of another seller begin with ${details.numberPrefix}`, { param: 'numberPrefix' });
    await manager.query('INSERT INTO billing.sellers (id, details, prefix) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET details = EXCLUDED.details, prefix = EXCLUDED.prefix', [id, JSON.stringify(details), details.numberPrefix]);
  }

  async sellers(manager: EntityManager, page: { after?: string | undefined; limit: number }): Promise<{ id: string; seller: Seller }[]> {
    const rows = await manager.query<{ id: string; details: unknown }[]>('SELECT id, details FROM billing.sellers WHERE $1::text IS NULL OR id::text > $1 ORDER BY id LIMIT $2', [page.after ?? null, page.limit]);
    return rows.map(({ id, details }) => ({ id, seller: seller.parse(details) }));
  }

  /** Error: NOT_FOUND. */
  async seller(manager: EntityManager, id: string): Promise<Seller> {
    const [row] = await manager.query<{ details: unknown }[]>('SELECT details FROM billing.sellers WHERE id = $1', [id]);
    if (!row) throw failure('NOT_FOUND', 'there is no such seller', { seller: id });
    return seller.parse(row.details);
  }

  async putBuyer(manager: EntityManager, tenant: string, sellerId: string, details: Buyer): Promise<void> {
    await manager.query('INSERT INTO billing.buyers (tenant, seller, details) VALUES ($1, $2, $3) ON CONFLICT (tenant) DO UPDATE SET seller = EXCLUDED.seller, details = EXCLUDED.details', [tenant, sellerId, JSON.stringify(details)]);
  }

  async buyer(manager: EntityManager, tenant: string): Promise<{ seller: string; buyer: Buyer } | undefined> {
    const [row] = await manager.query<{ seller: string; details: unknown }[]>('SELECT seller, details FROM billing.buyers WHERE tenant = $1', [tenant]);
    return row && { seller: row.seller, buyer: buyer.parse(row.details) };
  }

  /** False when this rate was there. Error: CONFLICT when another rate was given for that moment. */
  async putRate(manager: EntityManager, { currency, validFromMs, nanosPerUsd, source }: ExchangeRate): Promise<boolean> {
    const inserted = await manager.query<unknown[]>('WITH put AS (INSERT INTO billing.exchange_rates (currency, valid_from_ms, nanos_per_usd, source) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING 1) SELECT 1 FROM put', [currency, validFromMs, nanosPerUsd, source]);
    const [row] = await manager.query<{ same: boolean }[]>('SELECT nanos_per_usd = $3 AND source = $4 AS same FROM billing.exchange_rates WHERE currency = $1 AND valid_from_ms = $2', [currency, validFromMs, nanosPerUsd, source]);
    if (!row?.same) throw failure('CONFLICT', `another rate of ${currency} was given for that moment; give a later one`, { param: 'validFromMs' });
    return inserted.length > 0;
  }

  /** By currency, the newest first in each, after `<currency>:<validFromMs>`. */
  async rates(manager: EntityManager, { currency, after, limit }: { currency?: InvoiceCurrency | undefined; after: readonly [currency: string, validFromMs: string] | null; limit: number }): Promise<ExchangeRate[]> {
    const rows = await manager.query<RateRow[]>(
      `SELECT currency, valid_from_ms, nanos_per_usd, source FROM billing.exchange_rates
       WHERE ($1::text IS NULL OR currency = $1) AND ($2::text IS NULL OR (currency COLLATE "C", -valid_from_ms) > ($2, -$3::bigint)) ORDER BY currency COLLATE "C", valid_from_ms DESC LIMIT $4`,
      [currency ?? null, after?.[0] ?? null, after?.[1] ?? null, limit],
    );
    return rows.map(rateOf);
  }

  /** The rate in force at a moment. Error: INVOICE_IMPOSSIBLE. */
  async rateAt(manager: EntityManager, currency: InvoiceCurrency, atMs: number): Promise<ExchangeRate> {
    if (currency === 'USD') return { currency, nanosPerUsd: 1_000_000_000n, validFromMs: 0, source: 'the dollar itself' };
    const [row] = await manager.query<RateRow[]>('SELECT currency, valid_from_ms, nanos_per_usd, source FROM billing.exchange_rates WHERE currency = $1 AND valid_from_ms <= $2 ORDER BY valid_from_ms DESC LIMIT 1', [currency, atMs]);
    if (!row) throw failure('INVOICE_IMPOSSIBLE', `no exchange rate of ${currency} is known for ${dayOf(atMs)}; put one first`, { currency });
    return rateOf(row);
  }
}
