import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Endpoint } from '#protocol';
import type { Offer } from './offer.js';

interface OfferRow {
  id: string;
  node: string;
  model: string;
  endpoints: Endpoint[];
  capacity: number;
  state: Offer['state'];
  changed_at_ms: string;
}

@Injectable()
export class OfferStore {
  async insert(manager: EntityManager, offers: readonly Offer[]): Promise<void> {
    await manager.query(
      `INSERT INTO scheduler.offers (id, node, model, endpoints, capacity, state, changed_at_ms)
       SELECT id, node, model, endpoints, capacity, state, changed_at_ms
       FROM jsonb_to_recordset($1::jsonb) AS offer (id uuid, node uuid, model text, endpoints text[], capacity integer, state text, changed_at_ms bigint)`,
      [JSON.stringify(offers.map((offer) => ({ ...offer, changed_at_ms: offer.changedAtMs })))],
    );
  }

  async ofNode(manager: EntityManager, node: string): Promise<Offer[]> {
    return (await manager.query<OfferRow[]>('SELECT * FROM scheduler.offers WHERE node = $1 ORDER BY id', [node])).map(fromRow);
  }

  /** Offers of the market (withdrawn ones are not), a page in order of id. */
  async page(manager: EntityManager, after: string | undefined, limit: number): Promise<Offer[]> {
    const rows = await manager.query<OfferRow[]>(`SELECT * FROM scheduler.offers WHERE state <> 'withdrawn' AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2`, [after ?? null, limit]);
    return rows.map(fromRow);
  }

  /** Offers of nodes that were heard within the silence allowed, and that were down. */
  async takeUp(manager: EntityManager, nowMs: number, silenceMs: number): Promise<Offer[]> {
    return this.change(manager, 'up', 'down', 'nodes.last_seen_ms >= $2', nowMs, silenceMs);
  }

  /** Offers of nodes that were not, and that were up. */
  async takeDown(manager: EntityManager, nowMs: number, silenceMs: number): Promise<Offer[]> {
    return this.change(manager, 'down', 'up', '(nodes.last_seen_ms IS NULL OR nodes.last_seen_ms < $2)', nowMs, silenceMs);
  }

  async withdraw(manager: EntityManager, node: string, nowMs: number): Promise<Offer[]> {
    const rows = await manager.query<OfferRow[]>(
      `WITH changed AS (UPDATE scheduler.offers SET state = 'withdrawn', changed_at_ms = $2 WHERE node = $1 AND state <> 'withdrawn' RETURNING *) SELECT * FROM changed ORDER BY id`,
      [node, nowMs],
    );
    return rows.map(fromRow);
  }

  private async change(manager: EntityManager, to: 'up' | 'down', from: 'up' | 'down', heard: string, nowMs: number, silenceMs: number): Promise<Offer[]> {
    const rows = await manager.query<OfferRow[]>(
      `WITH changed AS (
         UPDATE scheduler.offers SET state = '${to}', changed_at_ms = $1 FROM scheduler.nodes
         WHERE offers.node = nodes.id AND nodes.state = 'enrolled' AND offers.state = '${from}' AND ${heard} RETURNING offers.*
       ) SELECT * FROM changed ORDER BY id`,
      [nowMs, nowMs - silenceMs],
    );
    return rows.map(fromRow);
  }
}

function fromRow(row: OfferRow): Offer {
  return { id: row.id, node: row.node, model: row.model, endpoints: row.endpoints, capacity: row.capacity, state: row.state, changedAtMs: Number(row.changed_at_ms) };
}
