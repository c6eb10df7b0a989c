import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { listHash, packList } from '#chain';
import { conversionRate, settlementCalls } from '#protocol';
import type { ConversionRate, ReplyOf } from '#protocol';
import type { TransactionState } from '../transactions/transaction.js';
import type { Draw, DrawnPayee, SignableStatement, StatementSignature } from './statement.js';

/** `taken-back`: nothing of it was signed, or it was voided; what it drew is owed again. */
export type StatementState = ReplyOf<typeof settlementCalls.getStatement>['state'] | 'taken-back';

/** Why a signed statement is voided: a payee in it came onto a list of sanctions, or its delegate may not sign it any more. */
export type VoidCause = 'SANCTIONED' | 'DELEGATE_LIMITED' | 'DEPOSIT_INSUFFICIENT';

export interface StatementRow extends Draw {
  readonly state: StatementState;
  readonly epoch: number | null;
  readonly auditRoot: string | null;
  readonly auditSize: number | null;
  readonly transaction: string | null;
  /** Why the last transaction failed. */
  readonly error: string | null;
  readonly tx: string | null;
  readonly createdAtMs: number;
  /** Why an empty statement was signed to take its epoch, so that it is never signed anew; null: none was. */
  readonly voidCause: VoidCause | null;
  /** That statement is on its way. */
  readonly isVoidUnderWay: boolean;
}

/** A statement as it was signed: the escrow's call data, and whom it pays. */
export interface SignedForm {
  readonly callData: string;
  /** Who signed it for its payer, EIP-55; null: the payer itself. */
  readonly delegate: string | null;
  readonly payees: readonly DrawnPayee[];
  readonly rate: ConversionRate | null;
}

interface Row {
  id: string;
  tenant: string;
  payer: string;
  payees: { payee: string; units: string; cumulativeUnits: string }[];
  total_units: string;
  cumulative_total_units: string;
  epoch: string | null;
  audit_root: string | null;
  audit_size: string | null;
  transaction: string | null;
  settled_tx: string | null;
  transaction_state: TransactionState | null;
  error: string | null;
  tx: string | null;
  created_at: Date;
  taken_back_at: Date | null;
  void_epoch: string | null;
  void_cause: VoidCause | null;
  void_state: TransactionState | null;
  rate: z.input<typeof conversionRate> | null;
}

/** A statement is final when the escrow's own event is; until then it is as far as its transaction. */
function stateOf(row: Row): StatementState {
  if (row.settled_tx !== null) return 'final';
  if (row.taken_back_at !== null) return 'taken-back';
  switch (row.transaction_state) {
    case null:
      return 'drawn';
    case 'planned':
    case 'signed':
      return 'signed';
    case 'final':
      return 'mined';
    case 'broadcast':
    case 'mined':
    case 'failed':
      return row.transaction_state;
  }
}

const payeesFrom = (payees: Row['payees']): DrawnPayee[] => payees.map(({ payee, units, cumulativeUnits }) => ({ payee, units: BigInt(units), cumulativeUnits: BigInt(cumulativeUnits) }));

const rateFrom = (rate: Row['rate']): ConversionRate | null => (rate === null ? null : z.decode(conversionRate, rate));

function fromRow(row: Row): StatementRow {
  return {
    id: row.id,
    tenant: row.tenant,
    payer: row.payer,
    payees: payeesFrom(row.payees),
    totalUnits: BigInt(row.total_units),
    cumulativeTotalUnits: BigInt(row.cumulative_total_units),
    state: stateOf(row),
    epoch: row.epoch === null ? null : Number(row.epoch),
    auditRoot: row.audit_root,
    auditSize: row.audit_size === null ? null : Number(row.audit_size),
    transaction: row.transaction,
    error: row.error,
    tx: row.tx,
    createdAtMs: row.created_at.getTime(),
    // Before delegates signed there was one cause.
    voidCause: row.void_epoch === null ? null : (row.void_cause ?? 'SANCTIONED'),
    isVoidUnderWay: row.void_state !== null && row.void_state !== 'failed',
    rate: rateFrom(row.rate),
  };
}

const select = `SELECT s.*, t.state AS transaction_state, t.error, (SELECT v.state FROM settlement.transactions v WHERE v.id = s.void_transaction) AS void_state,
    coalesce(s.settled_tx, t.mined_tx, (SELECT hash FROM settlement.attempts a WHERE a.transaction = t.id ORDER BY number DESC LIMIT 1)) AS tx
  FROM settlement.statements s LEFT JOIN settlement.transactions t ON t.id = s.transaction`;

const emptyListHash = listHash(packList([]));

/** Statements, in the caller's transaction, which sees one tenant or all. */
@Injectable()
export class StatementStore {
  /** Keeps a draw; does nothing if it is kept already (false). */
  async insertDrawn(manager: EntityManager, draw: Draw): Promise<boolean> {
    const payees = draw.payees.map(({ payee, units, cumulativeUnits }) => ({ payee, units: units.toString(), cumulativeUnits: cumulativeUnits.toString() }));
    const rows = await manager.query<unknown[]>(
      `INSERT INTO settlement.statements (id, tenant, payer, payees, total_units, cumulative_total_units, rate, is_capped)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING 1`,
      [draw.id, draw.tenant, draw.payer, JSON.stringify(payees), draw.totalUnits.toString(), draw.cumulativeTotalUnits.toString(), draw.rate === null ? null : JSON.stringify(z.encode(conversionRate, draw.rate)), draw.isCapped ?? false],
    );
    return rows.length === 1;
  }

  /** Keeps the signed statement and its transaction; false if another process has signed it meanwhile. */
  async sign(manager: EntityManager, row: StatementRow, { statement, list }: SignableStatement, { signature, delegate }: StatementSignature, transaction: string): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH signed AS (
         UPDATE settlement.statements SET epoch = $3, signed_epoch = $3, list_hash = $4, list = $5, registry_hash = $6, audit_root = $7, audit_size = $8,
           valid_until = $9, signature = $10, transaction = $11, delegate = $12
         WHERE id = $1 AND transaction IS NOT DISTINCT FROM $2::uuid AND settled_tx IS NULL AND taken_back_at IS NULL AND void_epoch IS NULL RETURNING id)
       SELECT id FROM signed`,
      [
        row.id,
        row.transaction,
        statement.epoch.toString(),
        statement.listHash,
        list,
        statement.registryHash,
        statement.auditRoot,
        statement.auditSize.toString(),
        statement.validUntil.toString(),
        signature,
        transaction,
        delegate,
      ],
    );
    return rows.length === 1;
  }

  /** Nothing of it may be signed from here on. False if it was signed, or taken back, before. */
  async takeBack(manager: EntityManager, id: string): Promise<boolean> {
    const rows = await manager.query<unknown[]>('WITH taken AS (UPDATE settlement.statements SET taken_back_at = now() WHERE id = $1 AND signature IS NULL AND taken_back_at IS NULL RETURNING 1) SELECT 1 FROM taken', [id]);
    return rows.length === 1;
  }

  /** Its epoch is to be taken by an empty statement. False if another process signed, voided or settled it meanwhile. */
  async beginVoid(manager: EntityManager, { id, transaction: carried }: StatementRow, epoch: bigint, transaction: string, cause: VoidCause): Promise<boolean> {
    const rows = await manager.query<unknown[]>(
      `WITH voided AS (UPDATE settlement.statements s SET void_epoch = $3, void_transaction = $4, void_cause = $5
         WHERE id = $1 AND transaction = $2 AND signature IS NOT NULL AND settled_tx IS NULL AND taken_back_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM settlement.transactions v WHERE v.id = s.void_transaction AND v.state <> 'failed') RETURNING 1) SELECT 1 FROM voided`,
      [id, carried, epoch.toString(), transaction, cause],
    );
    return rows.length === 1;
  }

  /** Takes back the statement whose epoch an empty one took for good: no form of it can land any more. Null if the event voids none. */
  async voided(manager: EntityManager, event: { payer: string; epoch: bigint; listHash: string; tx: string }): Promise<StatementRow | null> {
    if (event.listHash !== emptyListHash) return null;
    const rows = await manager.query<{ id: string }[]>(
      `WITH voided AS (UPDATE settlement.statements SET voided_tx = $3, taken_back_at = now()
         WHERE payer = $1 AND void_epoch IS NOT NULL AND coalesce(signed_epoch, epoch) < $2 AND settled_tx IS NULL AND taken_back_at IS NULL RETURNING id) SELECT id FROM voided`,
      [event.payer, event.epoch.toString(), event.tx],
    );
    return rows[0] ? this.get(manager, rows[0].id) : null;
  }

  /** Whether an empty statement of ours has that epoch: it may land behind the very statement that it was to void. */
  async isVoidEpoch(manager: EntityManager, { payer, epoch, listHash: landed }: { payer: string; epoch: bigint; listHash: string }): Promise<boolean> {
    // One that credits somebody under that number was signed elsewhere.
    if (landed !== emptyListHash) return false;
    return (await manager.query<unknown[]>('SELECT 1 FROM settlement.statements WHERE payer = $1 AND void_epoch = $2 LIMIT 1', [payer, epoch.toString()])).length > 0;
  }

  /**
   * Marks the statement whose totals an escrow event applied, whichever of its signed forms landed; null if it is none of ours or
   * was marked before. The epoch and audit head become those of the event.
   */
  async settle(manager: EntityManager, event: { payer: string; listHash: string; cumulativeTotal: bigint; epoch: bigint; auditRoot: string; auditSize: bigint; tx: string }): Promise<StatementRow | null> {
    const rows = await manager.query<{ id: string }[]>(
      `WITH settled AS (
         UPDATE settlement.statements SET settled_tx = $4, epoch = $5, audit_root = $6, audit_size = $7
         WHERE payer = $1 AND list_hash = $2 AND cumulative_total_units = $3 AND settled_tx IS NULL AND taken_back_at IS NULL RETURNING id)
       SELECT id FROM settled`,
      [event.payer, event.listHash, event.cumulativeTotal.toString(), event.tx, event.epoch.toString(), event.auditRoot, event.auditSize.toString()],
    );
    return rows[0] ? this.get(manager, rows[0].id) : null;
  }

  async get(manager: EntityManager, id: string): Promise<StatementRow | null> {
    return (await manager.query<Row[]>(`${select} WHERE s.id = $1`, [id])).map(fromRow)[0] ?? null;
  }

  /** The call data that carries the statement's newest signed form, which is what was handed out; null until it is signed. */
  async signedForm(manager: EntityManager, id: string): Promise<SignedForm | null> {
    const rows = await manager.query<{ data: string; delegate: string | null; payees: Row['payees']; rate: Row['rate'] }[]>(
      'SELECT t.data, s.delegate, s.payees, s.rate FROM settlement.statements s JOIN settlement.transactions t ON t.id = s.transaction WHERE s.id = $1',
      [id],
    );
    return rows[0] ? { callData: rows[0].data, delegate: rows[0].delegate, payees: payeesFrom(rows[0].payees), rate: rateFrom(rows[0].rate) } : null;
  }

  /** The tenant's statement that is not final, if there is one. */
  async open(manager: EntityManager, tenant: string): Promise<StatementRow | null> {
    return (await manager.query<Row[]>(`${select} WHERE s.tenant = $1 AND s.settled_tx IS NULL AND s.taken_back_at IS NULL`, [tenant])).map(fromRow)[0] ?? null;
  }

  /** Statements that no transaction is carrying, and have not been tried for a while. */
  async stranded(manager: EntityManager, quietMs: number): Promise<StatementRow[]> {
    const quiet = `make_interval(secs => ${quietMs / 1_000})`;
    return (
      await manager.query<Row[]>(
        `${select} WHERE s.settled_tx IS NULL AND s.taken_back_at IS NULL AND (
           (s.transaction IS NULL AND s.created_at < now() - ${quiet}) OR (t.state = 'failed' AND t.updated_at < now() - ${quiet}))`,
      )
    ).map(fromRow);
  }

  /** Signed statements whose transaction has waited for a while to be sent: for coins, or for cheaper gas. */
  async unsent(manager: EntityManager, quietMs: number): Promise<StatementRow[]> {
    return (await manager.query<Row[]>(`${select} WHERE s.settled_tx IS NULL AND s.taken_back_at IS NULL AND t.state = 'planned' AND t.updated_at < now() - make_interval(secs => ${quietMs / 1_000})`)).map(fromRow);
  }

  /** The newest statement of each tenant after which there may be more to pay: it is final and named so many payees, or paid so much, that others may have had no room, or it was voided. */
  async toGoOn(manager: EntityManager, payees: number): Promise<{ id: string; tenant: string }[]> {
    return manager.query(
      `SELECT id, tenant FROM (SELECT DISTINCT ON (tenant) id, tenant, payees, settled_tx, voided_tx, is_capped FROM settlement.statements WHERE taken_back_at IS NULL OR voided_tx IS NOT NULL ORDER BY tenant, id DESC) newest
       WHERE voided_tx IS NOT NULL OR (settled_tx IS NOT NULL AND (is_capped OR jsonb_array_length(payees) >= $1))`,
      [payees],
    );
  }

  /** The newest statement of a tenant, or (null) of each, where it was taken back: the books may not have been told. */
  async takenBackLast(manager: EntityManager, tenant: string | null): Promise<StatementRow[]> {
    const rows = await manager.query<Row[]>(
      `${select} WHERE s.taken_back_at IS NOT NULL AND ($1::uuid IS NULL OR s.tenant = $1) AND NOT EXISTS (SELECT 1 FROM settlement.statements later WHERE later.tenant = s.tenant AND later.id > s.id)`,
      [tenant],
    );
    return rows.map(fromRow);
  }

  async exists(manager: EntityManager, tenant: string): Promise<boolean> {
    return (await manager.query<unknown[]>('SELECT 1 FROM settlement.statements WHERE tenant = $1 LIMIT 1', [tenant])).length > 0;
  }

  /** The highest epoch ever signed for a payer. Of a statement that was signed anew an earlier form may have landed: its epoch is the lower one, and both are used up. */
  async lastEpoch(manager: EntityManager, payer: string): Promise<bigint> {
    return BigInt((await manager.query<{ last: string }[]>('SELECT coalesce(max(greatest(epoch, signed_epoch, void_epoch)), 0) AS last FROM settlement.statements WHERE payer = $1', [payer]))[0]!.last);
  }

  /** Signed statements, newest first; `tenant` null = all that the transaction sees. */
  async page(manager: EntityManager, page: { tenant: string | null; after?: string | undefined; limit: number }): Promise<{ data: StatementRow[]; hasMore: boolean }> {
    const rows = await manager.query<Row[]>(
      `${select} WHERE s.epoch IS NOT NULL AND s.taken_back_at IS NULL AND ($1::uuid IS NULL OR s.tenant = $1) AND ($2::uuid IS NULL OR s.id < $2) ORDER BY s.id DESC LIMIT $3`,
      [page.tenant, page.after ?? null, page.limit + 1],
    );
    return { data: rows.slice(0, page.limit).map(fromRow), hasMore: rows.length > page.limit };
  }
}
