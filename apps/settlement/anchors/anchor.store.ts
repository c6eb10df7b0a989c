import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { EpochStatement } from '#chain';
import type { OperatorAnchor } from './anchor.js';

interface Row {
  id: string;
  payer: string;
  epoch: string;
  last_epoch: string;
  audit_root: string;
  audit_size: string;
  cumulative_total_units: string;
  transaction: string;
  has_failed: boolean;
  settled_tx: string | null;
  signed_at_ms: string;
}

const fromRow = (row: Row): OperatorAnchor => ({
  id: row.id,
  payer: row.payer,
  epoch: Number(row.epoch),
  lastEpoch: BigInt(row.last_epoch),
  auditRoot: row.audit_root,
  auditSize: Number(row.audit_size),
  cumulativeTotalUnits: BigInt(row.cumulative_total_units),
  transaction: row.transaction,
  hasFailed: row.has_failed,
  settledTx: row.settled_tx,
  signedAtMs: Number(row.signed_at_ms),
});

const select = `SELECT a.*, greatest(a.epoch, a.signed_epoch) AS last_epoch, t.state = 'failed' AS has_failed FROM settlement.operator_anchors a JOIN settlement.transactions t ON t.id = a.transaction`;

const valuesOf = ({ epoch, auditRoot, auditSize, cumulativeTotal }: EpochStatement): string[] => [epoch.toString(), auditRoot, auditSize.toString(), cumulativeTotal.toString()];

/** The operator's anchors. Runs in the caller's transaction. */
@Injectable()
export class AnchorStore {
  async newest(manager: EntityManager, payer: string): Promise<OperatorAnchor | null> {
    return (await manager.query<Row[]>(`${select} WHERE a.payer = $1 ORDER BY a.epoch DESC LIMIT 1`, [payer])).map(fromRow)[0] ?? null;
  }

  /** False if another process has begun one meanwhile. */
  async begin(manager: EntityManager, id: string, statement: EpochStatement, transaction: string, nowMs: number): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `INSERT INTO settlement.operator_anchors (id, payer, epoch, signed_epoch, audit_root, audit_size, cumulative_total_units, transaction, signed_at_ms)
       VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING 1`,
      [id, statement.payer, ...valuesOf(statement), transaction, nowMs],
    );
    return rows.length === 1;
  }

  /** Signed once more, in place of a transaction that failed; false if another process has done so meanwhile. */
  async again(manager: EntityManager, { id, transaction: failed }: OperatorAnchor, statement: EpochStatement, transaction: string, nowMs: number): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH signed AS (UPDATE settlement.operator_anchors SET epoch = $3, signed_epoch = $3, audit_root = $4, audit_size = $5, cumulative_total_units = $6, transaction = $7, signed_at_ms = $8
         WHERE id = $1 AND transaction = $2 AND settled_tx IS NULL RETURNING 1) SELECT 1 FROM signed`,
      [id, failed, ...valuesOf(statement), transaction, nowMs],
    );
    return rows.length === 1;
  }

  /** Marks the open anchor of a payer, whichever of its signed forms landed; null when there is none. Epoch and head become those of the event. */
  async settle(manager: EntityManager, event: { payer: string; epoch: bigint; auditRoot: string; auditSize: bigint; tx: string }): Promise<OperatorAnchor | null> {
    const rows = await manager.query<{ id: string }[]>(
      `WITH settled AS (UPDATE settlement.operator_anchors SET settled_tx = $2, epoch = $3, audit_root = $4, audit_size = $5
         WHERE payer = $1 AND settled_tx IS NULL RETURNING id) SELECT id FROM settled`,
      [event.payer, event.tx, event.epoch.toString(), event.auditRoot, event.auditSize.toString()],
    );
    return rows[0] ? ((await manager.query<Row[]>(`${select} WHERE a.id = $1`, [rows[0].id])).map(fromRow)[0] ?? null) : null;
  }
}
