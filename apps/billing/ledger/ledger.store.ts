import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { failure } from '#protocol';
import { accountId } from './chart-of-accounts.js';
import type { Account } from './chart-of-accounts.js';
import { runNamed } from './named-statement.js';
import { transferHash } from './transfer.js';
import type { Transfer } from './transfer.js';

const openAccounts = `
  INSERT INTO billing.accounts (id, code, currency, kind, tenant)
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) AS a(id, code, currency, kind, tenant)
  ON CONFLICT (id) DO NOTHING`;

/**
 * The whole batch in one statement: transfers not yet known, postings of those only, sums per account, accounts locked in
 * id order, one update per account. Ids come sorted: unsorted ones deadlock with an overlapping batch. Sums travel with the
 * locked rows, so that they are joined once.
 */
const postTransfers = `
  WITH fresh AS (
    INSERT INTO billing.transfers (id, code, tenant, input_hash)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS t(id, code, tenant, input_hash)
    ON CONFLICT (id) DO NOTHING
    RETURNING id, tenant
  ), posted AS (
    INSERT INTO billing.postings (transfer, line, account, currency, tenant, amount)
    SELECT l.transfer, l.line, l.account, l.currency, fresh.tenant, l.amount
    FROM unnest($5::uuid[], $6::smallint[], $7::uuid[], $8::text[], $9::bigint[]) AS l(transfer, line, account, currency, amount)
    JOIN fresh ON fresh.id = l.transfer
    RETURNING account, amount
  ), sums AS (
    SELECT account, sum(amount) AS amount FROM posted GROUP BY account
  ), locked AS (
    SELECT a.id, s.amount FROM sums s JOIN billing.accounts a ON a.id = s.account ORDER BY a.id FOR NO KEY UPDATE OF a
  ), moved AS (
    UPDATE billing.accounts a SET balance = a.balance + l.amount FROM locked l WHERE a.id = l.id
    RETURNING a.id
  )
  SELECT fresh.id, (SELECT count(*) FROM moved) AS moved FROM fresh`;

/** The double-entry books. Rows are only ever added; balances are projections of them. */
@Injectable()
export class LedgerStore {
  /**
   * Posts transfers in the caller's transaction, once each: a known id with the same content is left as it is. At most one
   * call per transaction, so that accounts are locked in one order. Answers the ids that are new.
   * Errors: IDEMPOTENCY_MISMATCH (a known id with other content), LEDGER_UNBALANCED.
   */
  async post(manager: EntityManager, transfers: readonly Transfer[]): Promise<ReadonlySet<string>> {
    const batch = [...distinct(transfers).values()].sort((a, b) => compare(a.transfer.id, b.transfer.id));
    if (batch.length === 0) return new Set();
    const lines = batch.flatMap(({ transfer }) => transfer.lines.map((line, index) => ({ ...line, transfer: transfer.id, index, id: accountId(line.account) })));
    await this.open(manager, new Map(lines.map(({ id, account }) => [id, account])));
    const rows = await runNamed<{ id: string }>(manager, 'post-transfers', postTransfers, [
      batch.map(({ transfer }) => transfer.id),
      batch.map(({ transfer }) => transfer.code),
      batch.map(({ transfer }) => transfer.tenant),
      batch.map(({ hash }) => hash),
      lines.map((line) => line.transfer),
      lines.map((line) => line.index),
      lines.map((line) => line.id),
      lines.map((line) => line.account.currency),
      lines.map((line) => line.amount),
    ]);
    const fresh = new Set(rows.map((row) => row.id));
    const known = batch.filter(({ transfer }) => !fresh.has(transfer.id));
    if (known.length > 0) await this.assertSame(manager, new Map(known.map(({ transfer, hash }) => [transfer.id, hash])));
    return fresh;
  }

  /** Balances of accounts, locked until the transaction ends, in the order of the accounts given. Missing ones are opened. */
  async lock(manager: EntityManager, accounts: readonly Account[]): Promise<bigint[]> {
    const byId = new Map(accounts.map((account) => [accountId(account), account]));
    await this.open(manager, byId);
    const rows = await manager.query<{ id: string; balance: string }[]>('SELECT id, balance FROM billing.accounts WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE', [[...byId.keys()]]);
    const balances = new Map(rows.map((row) => [row.id, BigInt(row.balance)]));
    return accounts.map((account) => balances.get(accountId(account))!);
  }

  private async open(manager: EntityManager, accounts: ReadonlyMap<string, Account>): Promise<void> {
    const wanted = [...accounts].sort(([a], [b]) => compare(a, b));
    await runNamed(manager, 'open-accounts', openAccounts, [
      wanted.map(([id]) => id),
      wanted.map(([, account]) => account.code),
      wanted.map(([, account]) => account.currency),
      wanted.map(([, account]) => account.kind),
      wanted.map(([, account]) => account.tenant),
    ]);
  }

  private async assertSame(manager: EntityManager, hashes: ReadonlyMap<string, string>): Promise<void> {
    const rows = await manager.query<{ id: string; input_hash: string }[]>('SELECT id, input_hash FROM billing.transfers WHERE id = ANY($1::uuid[])', [[...hashes.keys()]]);
    for (const row of rows) {
      if (hashes.get(row.id) !== row.input_hash) throw mismatch(row.id);
    }
  }
}

function distinct(transfers: readonly Transfer[]): Map<string, { transfer: Transfer; hash: string }> {
  const byId = new Map<string, { transfer: Transfer; hash: string }>();
  for (const transfer of transfers) {
    const hash = transferHash(transfer);
    if ((byId.get(transfer.id)?.hash ?? hash) !== hash) throw mismatch(transfer.id);
    byId.set(transfer.id, { transfer, hash });
  }
  return byId;
}

const mismatch = (id: string) => failure('IDEMPOTENCY_MISMATCH', `transfer ${id} is in the books with other content; use a new id`, { transfer: id });

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
