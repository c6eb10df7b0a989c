import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { AccountRule, LedgerAccount } from '#protocol';
import { accountId, operatorTenant } from '../ledger/chart-of-accounts.js';
import type { Account } from '../ledger/chart-of-accounts.js';
import { ledgerFailure } from '../ledger/ledger-failure.js';

interface Row {
  id: string;
  code: string;
  currency: string;
  kind: string;
  tenant: string;
  balance: string;
  reserved_debit: string;
  reserved_credit: string;
  balance_least: string | null;
  balance_most: string | null;
  closed: boolean;
}

/** An account as it stands, with whose it is. */
export interface FoundAccount extends LedgerAccount {
  readonly id: string;
  readonly kind: string;
  readonly tenant: string;
}

/** By how much a reservation may debit and credit an account. */
export interface Reserved {
  readonly account: string;
  readonly debitNanos: bigint;
  readonly creditNanos: bigint;
}

const columns = 'id, code, currency, kind, tenant, balance, reserved_debit, reserved_credit, balance_least, balance_most, closed';
const orNull = (text: string | null): bigint | null => (text === null ? null : BigInt(text));

const fromRow = (row: Row): FoundAccount => ({
  ...{ id: row.id, code: row.code, currency: row.currency, kind: row.kind, tenant: row.tenant, closed: row.closed },
  ...{ balanceNanos: BigInt(row.balance), reservedDebitNanos: BigInt(row.reserved_debit), reservedCreditNanos: BigInt(row.reserved_credit) },
  ...{ leastNanos: orNull(row.balance_least), mostNanos: orNull(row.balance_most) },
});

/** Accounts with their rules and what is reserved on them. */
@Injectable()
export class JournalAccountsStore {
  /** Opened if it is not there; stays locked until the transaction ends. */
  async open(manager: EntityManager, account: Account): Promise<FoundAccount> {
    await manager.query('INSERT INTO billing.accounts (id, code, currency, kind, tenant) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING', [accountId(account), account.code, account.currency, account.kind, account.tenant]);
    return (await this.lock(manager, [account.code], account.currency))[0]!;
  }

  /** Those that there are, locked in the order of their ids, which is the ledger's own. */
  async lock(manager: EntityManager, codes: readonly string[], currency: string): Promise<FoundAccount[]> {
    return (await manager.query<Row[]>(`SELECT ${columns} FROM billing.accounts WHERE code = ANY($1::text[]) AND currency = $2 ORDER BY id FOR NO KEY UPDATE`, [codes, currency])).map(fromRow);
  }

  /** Error: ACCOUNT_LIMIT. */
  async setRule(manager: EntityManager, id: string, { leastNanos, mostNanos }: AccountRule): Promise<void> {
    await within(manager.query('UPDATE billing.accounts SET balance_least = $2, balance_most = $3 WHERE id = $1', [id, leastNanos, mostNanos]));
  }

  async close(manager: EntityManager, id: string): Promise<void> {
    await manager.query('UPDATE billing.accounts SET closed = true WHERE id = $1', [id]);
  }

  /** More is reserved on locked accounts, or less where `sign` is −1. Error: ACCOUNT_LIMIT. */
  async reserve(manager: EntityManager, reserved: readonly Reserved[], sign: 1n | -1n): Promise<void> {
    await within(
      manager.query(
        `UPDATE billing.accounts a SET reserved_debit = a.reserved_debit + r.debit, reserved_credit = a.reserved_credit + r.credit
         FROM unnest($1::uuid[], $2::numeric[], $3::numeric[]) AS r(account, debit, credit) WHERE a.id = r.account`,
        [reserved.map(({ account }) => account), reserved.map(({ debitNanos }) => (sign * debitNanos).toString()), reserved.map(({ creditNanos }) => (sign * creditNanos).toString())],
      ),
    );
  }

  /** The deployment's, in order of code and currency. */
  async list(manager: EntityManager, after: string | undefined, limit: number): Promise<FoundAccount[]> {
    const rows = await manager.query<Row[]>(`SELECT ${columns} FROM billing.accounts WHERE tenant = $1 AND ($2::text IS NULL OR code || ' ' || currency COLLATE "C" > $2) ORDER BY code || ' ' || currency COLLATE "C" LIMIT $3`, [operatorTenant, after ?? null, limit]);
    return rows.map(fromRow);
  }
}

async function within(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw ledgerFailure(error);
  }
}
