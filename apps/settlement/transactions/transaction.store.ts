import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { assert, Ids } from '#kernel';
import type { SignedBytes } from '../chain/chain-link.js';
import type { GasSpent } from './gas-budget.js';
import { transactionTransitions } from './transaction.js';
import type { Attempt, OutboxTransaction, PlannedCall, TransactionState } from './transaction.js';

export interface Sender {
  readonly chainId: bigint;
  readonly sender: string;
}

interface Row {
  id: string;
  purpose: OutboxTransaction['purpose'];
  subject: string;
  target: string;
  data: string;
  state: TransactionState;
  nonce: string | null;
  mined_tx: string | null;
  mined_block_hash: string | null;
  error: string | null;
  attempts: { hash: string; raw: string; max_fee: string; tip: string; first_sent_at_ms: number | null; sent_at_ms: number | null }[];
}

function fromRow(row: Row): OutboxTransaction {
  return {
    id: row.id,
    purpose: row.purpose,
    subject: row.subject,
    target: row.target,
    data: row.data,
    state: row.state,
    nonce: row.nonce === null ? null : Number(row.nonce),
    minedTx: row.mined_tx,
    minedBlockHash: row.mined_block_hash,
    error: row.error,
    attempts: row.attempts.map(
      ({ hash, raw, max_fee, tip, first_sent_at_ms: firstSentAtMs, sent_at_ms: sentAtMs }): Attempt => ({ hash, raw, fees: { maxFeePerGas: BigInt(max_fee), maxPriorityFeePerGas: BigInt(tip) }, firstSentAtMs, sentAtMs }),
    ),
  };
}

const selectOpen = `SELECT t.*, coalesce((
    SELECT json_agg(json_build_object('hash', a.hash, 'raw', a.raw, 'max_fee', a.max_fee_per_gas::text, 'tip', a.max_priority_fee_per_gas::text,
      'first_sent_at_ms', floor(extract(epoch FROM a.first_sent_at) * 1000), 'sent_at_ms', floor(extract(epoch FROM a.sent_at) * 1000)) ORDER BY a.number)
    FROM settlement.attempts a WHERE a.transaction = t.id), '[]'::json) AS attempts
  FROM settlement.transactions t
  WHERE t.chain_id = $1 AND t.sender = $2 AND t.state NOT IN ('final', 'failed') AND t.state = ANY($3::text[])
  ORDER BY t.nonce NULLS LAST, t.id`;

const notMined = 'mined_tx = NULL, mined_block_hash = NULL, mined_block = NULL, gas_wei_spent = NULL';
const unsent = 'UPDATE settlement.attempts SET first_sent_at = NULL, sent_at = NULL WHERE transaction = ANY($1::uuid[])';

const attemptColumns = 'hash, transaction, raw, max_fee_per_gas, max_priority_fee_per_gas, number';
const attemptValues = ({ hash, raw, fees }: SignedBytes, number: number): unknown[] => [hash, raw, fees.maxFeePerGas.toString(), fees.maxPriorityFeePerGas.toString(), number];

/** The relayer's durable outbox. */
@Injectable()
export class TransactionStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly ids: Ids,
  ) {}

  /** Writes down a call in the caller's transaction; null if one for the same purpose and subject is under way. */
  async plan(manager: EntityManager, { chainId, sender }: Sender, call: PlannedCall): Promise<string | null> {
    const rows = await manager.query<{ id: string }[]>(
      `INSERT INTO settlement.transactions (id, chain_id, sender, purpose, subject, target, data, state)
       VALUES ($1, $2, $3, $4, $5, $6, $7, 'planned') ON CONFLICT DO NOTHING RETURNING id`,
      [this.ids.uuid(), chainId.toString(), sender, call.purpose, call.subject, call.target, call.data],
    );
    return rows[0]?.id ?? null;
  }

  /** By nonce, those without one last, in the order of their planning. */
  async open({ chainId, sender }: Sender, states: readonly Exclude<TransactionState, 'final' | 'failed'>[]): Promise<OutboxTransaction[]> {
    return (await this.dataSource.query<Row[]>(selectOpen, [chainId.toString(), sender, states])).map(fromRow);
  }

  /** The nonce after the last one that was ever given out; 0 before the first. */
  async nextNonce({ chainId, sender }: Sender): Promise<number> {
    const rows = await this.dataSource.query<{ next: string }[]>(
      'SELECT coalesce(max(nonce) + 1, 0) AS next FROM settlement.transactions WHERE chain_id = $1 AND sender = $2',
      [chainId.toString(), sender],
    );
    return Number(rows[0]!.next);
  }

  /** What the sender's gas cost in the last 24 hours, and at most can cost where it is not known yet. */
  async gasSpent({ chainId, sender }: Sender): Promise<GasSpent> {
    const rows = await this.dataSource.query<{ all_wei: string; x402_wei: string }[]>(
      `SELECT coalesce(sum(coalesce(gas_wei_spent, gas_wei_bound)), 0) AS all_wei, coalesce(sum(coalesce(gas_wei_spent, gas_wei_bound)) FILTER (WHERE purpose = 'x402'), 0) AS x402_wei FROM settlement.transactions
       WHERE chain_id = $1 AND sender = $2 AND signed_at > now() - interval '24 hours'`,
      [chainId.toString(), sender],
    );
    return { allWei: BigInt(rows[0]!.all_wei), x402Wei: BigInt(rows[0]!.x402_wei) };
  }

  /** Says what a planned transaction waits for. */
  async waits(transaction: OutboxTransaction, reason: string): Promise<void> {
    // One that was dropped meanwhile keeps the reason of that.
    await this.dataSource.query("UPDATE settlement.transactions SET error = $2 WHERE id = $1 AND state = 'planned'", [transaction.id, reason]);
  }

  /** Keeps the first signed bytes, and with them the nonce. Fails if another process gave it out meanwhile. */
  async signed(transaction: OutboxTransaction, nonce: number, bytes: SignedBytes): Promise<void> {
    const set = 'nonce = $3, gas_wei_bound = $4, signed_at = now(), error = NULL';
    // In one statement: whoever is due waits for this before anything is sent.
    const keep = `, kept AS (INSERT INTO settlement.attempts (${attemptColumns}) SELECT $5, id, $6, $7, $8, $9 FROM moved)`;
    await this.move(this.dataSource.manager, transaction, 'signed', set, [nonce, bytes.costWeiMax.toString(), ...attemptValues(bytes, 1)], keep);
  }

  /** Keeps bytes that are to replace the ones before, under the same nonce. */
  async replaced(transaction: OutboxTransaction, bytes: SignedBytes): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await this.keep(manager, transaction.id, transaction.attempts.length + 1, bytes);
      await manager.query('UPDATE settlement.transactions SET gas_wei_bound = $2 WHERE id = $1', [transaction.id, bytes.costWeiMax.toString()]);
    });
  }

  async sent(transaction: OutboxTransaction, hash: string, refusal: string | null): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.query('UPDATE settlement.attempts SET sent_at = now(), first_sent_at = coalesce(first_sent_at, now()) WHERE hash = $1', [hash]);
      if (transaction.state === 'signed' && refusal === null) await this.move(manager, transaction, 'broadcast', 'error = NULL', []);
      else await manager.query('UPDATE settlement.transactions SET error = $2 WHERE id = $1', [transaction.id, refusal]);
    });
  }

  async mined(transaction: OutboxTransaction, at: { tx: string; blockHash: string; blockNumber: number; costWei: bigint }): Promise<void> {
    const set = 'mined_tx = $3, mined_block_hash = $4, mined_block = $5, gas_wei_spent = $6';
    await this.move(this.dataSource.manager, transaction, 'mined', set, [at.tx, at.blockHash, at.blockNumber, at.costWei.toString()]);
  }

  /** Its bytes begin anew: they came into a block once, and need not be dearer to come into another. */
  async reorganised(transaction: OutboxTransaction): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await this.move(manager, transaction, 'broadcast', notMined, []);
      await manager.query(unsent, [[transaction.id]]);
    });
  }

  /** What was final from a block on and is not any more, in the caller's transaction: it is looked for again, and sent again. Gives their number. */
  async reopen(manager: EntityManager, { chainId, sender }: Sender, fromBlock: number): Promise<number> {
    const rows = await manager.query<{ id: string }[]>(
      `WITH reopened AS (UPDATE settlement.transactions t SET state = 'broadcast', updated_at = now(), ${notMined} WHERE chain_id = $1 AND sender = $2 AND state = 'final' AND mined_block >= $3
         AND NOT EXISTS (SELECT 1 FROM settlement.transactions o WHERE o.purpose = t.purpose AND o.subject = t.subject AND o.state NOT IN ('final', 'failed')) RETURNING id) SELECT id FROM reopened`,
      [chainId.toString(), sender, fromBlock],
    );
    await manager.query(unsent, [rows.map(({ id }) => id)]);
    return rows.length;
  }

  async final(transaction: OutboxTransaction): Promise<void> {
    await this.move(this.dataSource.manager, transaction, 'final', 'error = NULL', []);
  }

  /** `alongside` is kept with it, or not at all. */
  async failed(transaction: OutboxTransaction, error: string, alongside: (manager: EntityManager) => Promise<void> = () => Promise.resolve()): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await this.move(manager, transaction, 'failed', 'error = $3', [error]);
      await alongside(manager);
    });
  }

  /** Ends a call of which nothing was signed yet. False when the relayer was first. */
  async drop(manager: EntityManager, id: string, reason: string): Promise<boolean> {
    const rows = await manager.query<unknown[]>(`WITH dropped AS (UPDATE settlement.transactions SET state = 'failed', error = $2, updated_at = now() WHERE id = $1 AND state = 'planned' RETURNING 1) SELECT 1 FROM dropped`, [id, reason]);
    return rows.length === 1;
  }

  private async move(manager: EntityManager, { id, state }: OutboxTransaction, next: TransactionState, set: string, values: unknown[], also = ''): Promise<void> {
    assert(transactionTransitions[state].includes(next), `a transaction goes from ${state} to ${next}`);
    const moved = await manager.query<unknown[]>(
      `WITH moved AS (UPDATE settlement.transactions SET state = '${next}', updated_at = now(), ${set} WHERE id = $1 AND state = $2 RETURNING id)${also} SELECT id FROM moved`,
      [id, state, ...values],
    );
    assert(moved.length === 1, `transaction ${id} is still ${state}`);
  }

  private async keep(manager: EntityManager, id: string, number: number, bytes: SignedBytes): Promise<void> {
    await manager.query(`INSERT INTO settlement.attempts (${attemptColumns}) VALUES ($2, $1, $3, $4, $5, $6)`, [id, ...attemptValues(bytes, number)]);
  }
}
