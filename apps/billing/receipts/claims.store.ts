import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { MeterQuantities } from '#kernel';
import type { ClaimResolution, ClaimState } from '#protocol';

interface Row {
  record: string;
  node: string;
  node_name: string | null;
  offer: string;
  model: string;
  input_tokens: string;
  output_tokens: string;
  meters: MeterQuantities | null;
  reason: string;
  received_at_ms: string;
  resolution: ClaimResolution['resolution'] | null;
  note: string;
  actor: ClaimResolution['actor'];
  resolved_at_ms: string;
}

/** Where a node signed several receipts of one record, the last one stands for them. */
const claims = `SELECT * FROM (SELECT DISTINCT ON (r.record, r.node) r.record, r.node, n.name AS node_name, r.offer, r.model, r.input_tokens, r.output_tokens, r.meters, COALESCE(r.reason, 'no_charge') AS reason, r.received_at_ms,
    c.resolution, c.note, c.actor, c.resolved_at_ms
  FROM billing.receipts r LEFT JOIN billing.nodes n ON n.id = r.node LEFT JOIN billing.claim_resolutions c ON c.record = r.record AND c.node = r.node
  WHERE r.state <> 'matched' ORDER BY r.record, r.node, r.received_at_ms DESC, r.digest) claims`;

/** Receipts that no charge supports, and what was decided about them. */
@Injectable()
export class ClaimsStore {
  /** In order of record and node. */
  async list(manager: EntityManager, { state, after, limit }: { state: 'open' | 'resolved' | 'all'; after?: string | undefined; limit: number }): Promise<ClaimState[]> {
    const rows = await manager.query<Row[]>(
      `${claims} WHERE ($1 = 'all' OR (resolution IS NULL) = ($1 = 'open')) AND ($2::text IS NULL OR (record || ':' || node) COLLATE "C" > $2) ORDER BY (record || ':' || node) COLLATE "C" LIMIT $3`,
      [state, after ?? null, limit],
    );
    return rows.map(fromRow);
  }

  async find(manager: EntityManager, record: string, node: string): Promise<ClaimState | undefined> {
    const [row] = await manager.query<Row[]>(`${claims} WHERE record = $1 AND node = $2`, [record, node]);
    return row && fromRow(row);
  }

  /** `false` when it was resolved before. */
  async resolve(manager: EntityManager, record: string, node: string, { resolution, note, actor, resolvedAtMs }: ClaimResolution): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      'INSERT INTO billing.claim_resolutions (record, node, resolution, note, actor, resolved_at_ms) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (record, node) DO NOTHING RETURNING record',
      [record, node, resolution, note, JSON.stringify(actor), resolvedAtMs],
    );
    return rows.length > 0;
  }
}

function fromRow({ node_name: nodeName, input_tokens: input, output_tokens: output, meters, received_at_ms: received, resolution, note, actor, resolved_at_ms: at, ...row }: Row): ClaimState {
  const resolved = resolution === null ? null : { resolution, note, actor, resolvedAtMs: Number(at) };
  return { ...row, nodeName, inputTokens: Number(input), outputTokens: Number(output), ...(meters && { meters }), receivedAtMs: Number(received), resolved };
}
