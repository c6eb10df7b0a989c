import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Evidence } from '#protocol';
import type { MachineFacts } from '../enrolment/token.js';
import type { Node } from './node.js';

interface NodeRow {
  id: string;
  name: string;
  public_key: string;
  nats_public_key: string;
  payout_address: string;
  facts: MachineFacts;
  evidence: Evidence;
  state: 'enrolled' | 'revoked';
  enrolled_at_ms: string;
  last_seen_ms: string | null;
  public_url: string | null;
}

/** A credential to be refused: the user key, and the moment until which its JWTs do not count. */
export interface RevokedKey {
  readonly natsPublicKey: string;
  readonly revokedAtMs: number;
}

@Injectable()
export class NodeStore {
  /** False when one of the keys is known already. */
  async insert(manager: EntityManager, node: Node): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `INSERT INTO scheduler.nodes (id, name, public_key, nats_public_key, payout_address, facts, evidence, state, enrolled_at_ms, public_url)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING RETURNING 1`,
      [node.id, node.name, node.publicKey, node.natsPublicKey, node.payoutAddress, JSON.stringify(node.facts), node.evidence, node.state, node.enrolledAtMs, node.publicUrl],
    );
    return rows.length > 0;
  }

  async find(manager: EntityManager, id: string): Promise<Node | undefined> {
    return (await manager.query<NodeRow[]>('SELECT * FROM scheduler.nodes WHERE id = $1', [id])).map(fromRow)[0];
  }

  async findMany(manager: EntityManager, ids: readonly string[]): Promise<Node[]> {
    return (await manager.query<NodeRow[]>('SELECT * FROM scheduler.nodes WHERE id = ANY($1::uuid[])', [ids])).map(fromRow);
  }

  async page(manager: EntityManager, after: string | undefined, limit: number): Promise<Node[]> {
    return (await manager.query<NodeRow[]>('SELECT * FROM scheduler.nodes WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2', [after ?? null, limit])).map(fromRow);
  }

  /** The node as revoked now; undefined when it is unknown or revoked already. */
  async revoke(manager: EntityManager, id: string, nowMs: number): Promise<Node | undefined> {
    const rows = await manager.query<NodeRow[]>(
      `WITH revoked AS (UPDATE scheduler.nodes SET state = 'revoked', revoked_at_ms = $2 WHERE id = $1 AND state = 'enrolled' RETURNING *) SELECT * FROM revoked`,
      [id, nowMs],
    );
    return rows.map(fromRow)[0];
  }

  async revokedKeys(manager: EntityManager): Promise<RevokedKey[]> {
    const rows = await manager.query<{ nats_public_key: string; revoked_at_ms: string }[]>(`SELECT nats_public_key, revoked_at_ms FROM scheduler.nodes WHERE state = 'revoked'`);
    return rows.map((row) => ({ natsPublicKey: row.nats_public_key, revokedAtMs: Number(row.revoked_at_ms) }));
  }

  /** Records when nodes were last heard; those revoked are not touched. */
  async seen(manager: EntityManager, nodes: readonly { node: string; atMs: number }[]): Promise<void> {
    await manager.query(
      `UPDATE scheduler.nodes SET last_seen_ms = GREATEST(COALESCE(nodes.last_seen_ms, 0), heard.at_ms)
       FROM (SELECT * FROM unnest($1::uuid[], $2::bigint[]) AS heard (node, at_ms) ORDER BY node) heard
       WHERE nodes.id = heard.node AND nodes.state = 'enrolled'`,
      [nodes.map(({ node }) => node), nodes.map(({ atMs }) => atMs)],
    );
  }
}

function fromRow(row: NodeRow): Node {
  return {
    id: row.id,
    name: row.name,
    publicKey: row.public_key,
    natsPublicKey: row.nats_public_key,
    payoutAddress: row.payout_address,
    facts: row.facts,
    evidence: row.evidence,
    state: row.state,
    enrolledAtMs: Number(row.enrolled_at_ms),
    lastSeenMs: row.last_seen_ms === null ? null : Number(row.last_seen_ms),
    publicUrl: row.public_url,
  };
}
