import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { failure } from '#protocol';
import { bigints, smallints, texts, uuids } from './binary-arrays.js';
import type { Account } from './chart-of-accounts.js';
import { ledgerFailure } from './ledger-failure.js';
import { KnownAccounts } from './known-accounts.js';
import { runNamed } from './named-statement.js';
import { transferHash } from './transfer.js';
import type { Transfer } from './transfer.js';

/** What was given, is kept back or stands to somebody's credit is never more than used up: the database refuses that. Answers those that other transactions see too. */
const openAccounts = `
  WITH opened AS (
    INSERT INTO billing.accounts (id, code, currency, kind, tenant, balance_most)
    SELECT a.*, CASE WHEN a.kind IN ('granted', 'held', 'credit-balance', 'refunding') THEN 0 END FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]) AS a(id, code, currency, kind, tenant)
    ON CONFLICT (id) DO NOTHING
  )
  SELECT a.id FROM billing.accounts a WHERE a.id = ANY($1::uuid[]) AND a.xmin <> pg_current_xact_id()::xid`;

/** Enters transfers that are not known yet. Answers the others, and whether they said the same where this statement sees them. */
const enterTransfers = `
  WITH given AS (
    SELECT unnest($1::uuid[]) AS id, unnest($2::text[]) AS code, unnest($3::text[]) AS tenant, unnest($4::text[]) AS input_hash, unnest($5::smallint[]) AS lines
  ), fresh AS (
    INSERT INTO billing.transfers (id, code, tenant, input_hash, lines) SELECT * FROM given
    ON CONFLICT (id) DO NOTHING
    RETURNING id
  )
  SELECT g.id, t.input_hash = g.input_hash AS same FROM given g LEFT JOIN billing.transfers t ON t.id = g.id WHERE NOT EXISTS (SELECT FROM fresh WHERE fresh.id = g.id)`;

/** A trigger checks them, locks their accounts and moves the balances, all in this statement. */
const postLines = `
  INSERT INTO billing.postings (transfer, line, account, currency, tenant, amount)
  SELECT unnest($1::uuid[]), unnest($2::smallint[]), unnest($3::uuid[]), unnest($4::text[]), unnest($5::text[]), unnest($6::bigint[])`;

interface Entry {
  readonly transfer: Transfer;
  readonly hash: string;
}

interface PostedLine {
  /** Its transfer's. */
  readonly id: string;
  readonly tenant: string;
  readonly index: number;
  readonly account: Account;
  readonly accountId: string;
  readonly amount: bigint;
}

interface KnownRow {
  id: string;
  /** Null where another writer was done in the meantime. */
  same: boolean | null;
}

/** The double-entry books. Rows are only ever added; balances are projections of them. */
@Injectable()
export class LedgerStore {
  private readonly known = new KnownAccounts();

  /**
   * Posts transfers in the caller's transaction, once each: a known id with the same content is left as it is. At most one
   * call per transaction, so that accounts are locked in one order. Ids go in sorted: unsorted ones deadlock with an overlapping batch.
   * Answers the ids that are new.
   * Errors: IDEMPOTENCY_MISMATCH (a known id with other content), LEDGER_UNBALANCED, ACCOUNT_CLOSED, ACCOUNT_LIMIT (an account leaves its bounds).
   */
  async post(manager: EntityManager, transfers: readonly Transfer[]): Promise<ReadonlySet<string>> {
    const batch = [...distinct(transfers).values()].sort((a, b) => compare(a.transfer.id, b.transfer.id));
    if (batch.length === 0) return new Set();
    const known = await this.enter(manager, batch);
    const fresh = known.size === 0 ? batch : batch.filter(({ transfer }) => !known.has(transfer.id));
    await this.postLines(manager, fresh.flatMap(({ transfer: { id, tenant, lines } }) => lines.map(({ account, amount }, index) => ({ id, tenant, index, account, accountId: this.known.idOf(account), amount }))));
    return new Set(fresh.map(({ transfer }) => transfer.id));
  }

  /** Answers the ids that are known, once it is certain that they say the same. */
  private async enter(manager: EntityManager, batch: readonly Entry[]): Promise<ReadonlySet<string>> {
    const rows = await runNamed<KnownRow>(manager, 'enter-transfers', enterTransfers, [
      uuids(batch.map(({ transfer }) => transfer.id)),
      texts(batch.map(({ transfer }) => transfer.code)),
      texts(batch.map(({ transfer }) => transfer.tenant)),
      texts(batch.map(({ hash }) => hash)),
      smallints(batch.map(({ transfer }) => transfer.lines.length)),
    ]);
    const different = rows.find(({ same }) => same === false);
    if (different) throw mismatch(different.id);
    const unseen = new Set(rows.filter(({ same }) => same === null).map(({ id }) => id));
    if (unseen.size > 0) await this.assertSame(manager, new Map(batch.filter(({ transfer }) => unseen.has(transfer.id)).map(({ transfer, hash }) => [transfer.id, hash])));
    return new Set(rows.map(({ id }) => id));
  }

  private async assertSame(manager: EntityManager, hashes: ReadonlyMap<string, string>): Promise<void> {
    const rows = await manager.query<{ id: string; input_hash: string }[]>('SELECT id, input_hash FROM billing.transfers WHERE id = ANY($1::uuid[])', [[...hashes.keys()]]);
    const found = new Map(rows.map((row) => [row.id, row.input_hash]));
    // One that this transaction may not see is another organisation's.
    for (const [id, hash] of hashes) if (found.get(id) !== hash) throw mismatch(id);
  }

  private async postLines(manager: EntityManager, lines: readonly PostedLine[]): Promise<void> {
    if (lines.length === 0) return;
    await this.open(manager, lines);
    try {
      await runNamed(manager, 'post-lines', postLines, [
        uuids(lines.map(({ id }) => id)),
        smallints(lines.map(({ index }) => index)),
        uuids(lines.map(({ accountId }) => accountId)),
        texts(lines.map(({ account }) => account.currency)),
        texts(lines.map(({ tenant }) => tenant)),
        bigints(lines.map(({ amount }) => amount)),
      ]);
    } catch (error) {
      this.known.forget();
      throw ledgerFailure(error);
    }
  }

  /** Balances of accounts, locked until the transaction ends, in the order of the accounts given. Missing ones are opened. */
  async lock(manager: EntityManager, accounts: readonly Account[]): Promise<bigint[]> {
    const ids = accounts.map((account) => this.known.idOf(account));
    await this.open(manager, accounts.map((account, index) => ({ account, accountId: ids[index]! })));
    const rows = await manager.query<{ id: string; balance: string }[]>('SELECT id, balance FROM billing.accounts WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE', [ids]);
    const balances = new Map(rows.map((row) => [row.id, BigInt(row.balance)]));
    if (ids.some((id) => !balances.has(id))) {
      // A database that was brought back to an earlier time does not have them any more.
      this.known.forget();
      throw new Error('accounts that were opened are not in the books any more; they are opened again when this is tried again');
    }
    return ids.map((id) => balances.get(id)!);
  }

  private async open(manager: EntityManager, accounts: readonly Pick<PostedLine, 'account' | 'accountId'>[]): Promise<void> {
    const missing = new Map(accounts.filter(({ accountId }) => !this.known.isOpen(accountId)).map(({ account, accountId }) => [accountId, account]));
    if (missing.size === 0) return;
    const wanted = [...missing].sort(([a], [b]) => compare(a, b));
    const rows = await runNamed<{ id: string }>(manager, 'open-accounts', openAccounts, [
      uuids(wanted.map(([id]) => id)),
      texts(wanted.map(([, account]) => account.code)),
      texts(wanted.map(([, account]) => account.currency)),
      texts(wanted.map(([, account]) => account.kind)),
      texts(wanted.map(([, account]) => account.tenant)),
    ]);
    this.known.opened(rows.map(({ id }) => id));
  }
}

function distinct(transfers: readonly Transfer[]): Map<string, Entry> {
  const byId = new Map<string, Entry>();
  for (const transfer of transfers) {
    const hash = transferHash(transfer);
    if ((byId.get(transfer.id)?.hash ?? hash) !== hash) throw mismatch(transfer.id);
    byId.set(transfer.id, { transfer, hash });
  }
  return byId;
}

const mismatch = (id: string) => failure('IDEMPOTENCY_MISMATCH', `transfer ${id} is in the books with other content; use a new id`, { transfer: id });

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
