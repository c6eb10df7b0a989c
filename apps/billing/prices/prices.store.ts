import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { MeterNanos } from '#kernel';
import { meterPricesJson } from '#protocol';
import { runNamed } from '../ledger/named-statement.js';
import type { PriceVersion } from './price.js';

interface PriceRow {
  version: string;
  offer: string;
  input_nanos_per_million: string;
  output_nanos_per_million: string;
  hash: string;
  valid_from_ms: string;
  valid_to_ms: string | null;
  book: string | null;
  network: string | null;
  ask_input_nanos_per_million: string | null;
  ask_output_nanos_per_million: string | null;
  network_fee_basis_points: number | null;
  markup_basis_points: number | null;
  request_nanos: string | null;
  meters: MetersJson | null;
  ask_meters: MetersJson | null;
}

const columns = 'version, offer, input_nanos_per_million, output_nanos_per_million, hash, valid_from_ms, valid_to_ms, book, network, ask_input_nanos_per_million, ask_output_nanos_per_million, network_fee_basis_points, markup_basis_points, request_nanos, meters, ask_meters';

type MetersJson = ReturnType<typeof meterPricesJson>;
const metersOf = (json: MetersJson): MeterNanos => Object.fromEntries(Object.entries(json).map(([meter, nanos]) => [meter, BigInt(nanos)]));
const metersRow = (meters: MeterNanos | undefined): string | null => (meters === undefined ? null : JSON.stringify(meterPricesJson(meters)));

const fromRow = (row: PriceRow): PriceVersion => ({
  version: row.version,
  offer: row.offer,
  currency: 'USD',
  inputNanosPerMillion: BigInt(row.input_nanos_per_million),
  outputNanosPerMillion: BigInt(row.output_nanos_per_million),
  hash: row.hash,
  validFromMs: Number(row.valid_from_ms),
  validToMs: row.valid_to_ms === null ? null : Number(row.valid_to_ms),
  ...(row.request_nanos !== null && { requestNanos: BigInt(row.request_nanos) }),
  ...(row.meters !== null && { meters: metersOf(row.meters) }),
  ...(row.book !== null && {
    book: {
      book: row.book,
      network: row.network,
      askInputNanosPerMillion: BigInt(row.ask_input_nanos_per_million!),
      askOutputNanosPerMillion: BigInt(row.ask_output_nanos_per_million!),
      ...(row.ask_meters !== null && { askMeters: metersOf(row.ask_meters) }),
      networkFeeBasisPoints: row.network_fee_basis_points!,
      markupBasisPoints: row.markup_basis_points!,
      ...(row.request_nanos !== null && { requestNanos: BigInt(row.request_nanos) }),
    },
  }),
});

@Injectable()
export class PricesStore {
  /** A node's enrolment and its revocation take effect one after the other, whichever is heard of first. */
  async lockNode(manager: EntityManager, node: string): Promise<void> {
    await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('billing.node ' || $1, 0))`, [node]);
  }

  async addOffer(manager: EntityManager, offer: string, node: string, model: string): Promise<void> {
    await manager.query('INSERT INTO billing.offers (id, node, model) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING', [offer, node, model]);
  }

  /** Whether the offer is known, and on the market. The offer stays locked, so that its prices change one after the other. */
  async lockOffer(manager: EntityManager, offer: string): Promise<'unknown' | 'revoked' | 'listed'> {
    const [row] = await manager.query<{ revoked: boolean }[]>(
      'SELECT EXISTS (SELECT 1 FROM billing.revoked_nodes r WHERE r.id = o.node) AS revoked FROM billing.offers o WHERE o.id = $1 FOR NO KEY UPDATE OF o',
      [offer],
    );
    if (!row) return 'unknown';
    return row.revoked ? 'revoked' : 'listed';
  }

  /** Marks a node as revoked; answers its offers. */
  async revoke(manager: EntityManager, node: string): Promise<string[]> {
    await manager.query('INSERT INTO billing.revoked_nodes (id) VALUES ($1) ON CONFLICT DO NOTHING', [node]);
    const rows = await manager.query<{ id: string }[]>('SELECT id FROM billing.offers WHERE node = $1 ORDER BY id FOR NO KEY UPDATE', [node]);
    return rows.map((row) => row.id);
  }

  /** Ends the version in force. */
  async end(manager: EntityManager, offer: string, nowMs: number): Promise<void> {
    await manager.query('UPDATE billing.prices SET valid_to_ms = GREATEST(valid_from_ms, $2::bigint) WHERE offer = $1 AND valid_to_ms IS NULL', [offer, nowMs]);
  }

  async insert(manager: EntityManager, price: PriceVersion): Promise<void> {
    await manager.query(`INSERT INTO billing.prices (${columns}, currency) VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`, [
      price.version,
      price.offer,
      price.inputNanosPerMillion,
      price.outputNanosPerMillion,
      price.hash,
      price.validFromMs,
      ...[price.book?.book ?? null, price.book?.network ?? null, price.book?.askInputNanosPerMillion ?? null, price.book?.askOutputNanosPerMillion ?? null],
      ...[price.book?.networkFeeBasisPoints ?? null, price.book?.markupBasisPoints ?? null, price.requestNanos ?? null],
      ...[metersRow(price.meters), metersRow(price.book?.askMeters), price.currency],
    ]);
  }

  async inForce(manager: EntityManager, offer: string): Promise<PriceVersion | undefined> {
    const [row] = await manager.query<PriceRow[]>(`SELECT ${columns} FROM billing.prices WHERE offer = $1 AND valid_to_ms IS NULL`, [offer]);
    return row && fromRow(row);
  }

  async modelOf(manager: EntityManager, offer: string): Promise<string> {
    const [row] = await manager.query<{ model: string }[]>('SELECT model FROM billing.offers WHERE id = $1', [offer]);
    return row!.model;
  }

  /** Offers with a price that another book made, or none, or one that did not know the network; in order, after one. */
  async notOfBook(manager: EntityManager, book: string, after: string | null, limit: number): Promise<string[]> {
    const rows = await manager.query<{ offer: string }[]>('SELECT offer FROM billing.prices WHERE valid_to_ms IS NULL AND (book IS DISTINCT FROM $1 OR network IS NULL) AND ($2::uuid IS NULL OR offer > $2) ORDER BY offer LIMIT $3', [book, after, limit]);
    return rows.map(({ offer }) => offer);
  }

  /** The version that was in force at a time for an offer of this node. */
  async at(manager: EntityManager, node: string, offer: string, atMs: number): Promise<PriceVersion | undefined> {
    const [row] = await manager.query<PriceRow[]>(
      `SELECT ${columns} FROM billing.prices WHERE offer = $1 AND valid_from_ms <= $2 AND (valid_to_ms IS NULL OR valid_to_ms > $2)
       AND EXISTS (SELECT 1 FROM billing.offers o WHERE o.id = $1 AND o.node = $3) ORDER BY valid_from_ms DESC LIMIT 1`,
      [offer, atMs, node],
    );
    return row && fromRow(row);
  }

  async versions(manager: EntityManager, versions: readonly string[]): Promise<ReadonlyMap<string, PriceVersion>> {
    const rows = await runNamed<PriceRow>(manager, 'price-versions', `SELECT ${columns} FROM billing.prices WHERE version = ANY($1::uuid[])`, [[...new Set(versions)]]);
    return new Map(rows.map((row) => [row.version, fromRow(row)]));
  }

  /** Versions after `after` in order of their ids, which is the order in which they were made. */
  async list(manager: EntityManager, page: { after?: string | undefined; limit: number; offer?: string | undefined }): Promise<PriceVersion[]> {
    const rows = await manager.query<PriceRow[]>(`SELECT ${columns} FROM billing.prices WHERE ($1::text IS NULL OR version::text COLLATE "C" > $1) AND ($2::uuid IS NULL OR offer = $2) ORDER BY version LIMIT $3`, [
      page.after ?? null,
      page.offer ?? null,
      page.limit,
    ]);
    return rows.map(fromRow);
  }
}
