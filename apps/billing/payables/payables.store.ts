import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Nanos } from '#kernel';
import { deposit } from '../ledger/chart-of-accounts.js';

export interface Payable {
  readonly tenant: string;
  readonly payee: string;
  readonly earnedNanos: Nanos;
  readonly drawnNanos: Nanos;
  readonly heldNanos: Nanos;
  readonly owedNanos: Nanos;
}

export interface Payout {
  readonly statement: string;
  readonly tenant: string;
  readonly payee: string;
  readonly units: bigint;
  readonly state: 'drawn' | 'settled';
  readonly settledTx: string | null;
  readonly settledAtMs: number | null;
}

@Injectable()
export class PayablesStore {
  /** Payees that ever earned from a tenant, in order. */
  async payees(manager: EntityManager, tenant: string): Promise<string[]> {
    const rows = await manager.query<{ payee: string }[]>(`SELECT split_part(code, ':', 3) AS payee FROM billing.accounts WHERE kind = 'payable' AND tenant = $1 ORDER BY 1`, [tenant]);
    return rows.map((row) => row.payee);
  }

  /** Of one tenant, or of all that the transaction sees; all without a limit. */
  async list(manager: EntityManager, tenant: string | null, after?: string, limit?: number): Promise<Payable[]> {
    const rows = await manager.query<{ tenant: string; payee: string; owed: string; drawn: string; held: string }[]>(
      `SELECT a.tenant, split_part(a.code, ':', 3) AS payee, -a.balance AS owed, COALESCE(d.nanos, 0) AS drawn, COALESCE(h.nanos, 0) AS held
       FROM billing.accounts a
       LEFT JOIN (SELECT l.tenant, l.payee, sum(l.nanos) AS nanos FROM billing.statement_lines l GROUP BY 1, 2) d
         ON d.tenant::text = a.tenant AND d.payee = split_part(a.code, ':', 3)
       LEFT JOIN (SELECT h.tenant, n.payout_address AS payee, sum(h.amount_nanos) AS nanos FROM billing.holdbacks h JOIN billing.nodes n ON n.id = h.node WHERE h.state = 'held' GROUP BY 1, 2) h
         ON h.tenant::text = a.tenant AND h.payee = split_part(a.code, ':', 3)
       WHERE a.kind = 'payable' AND ($1::text IS NULL OR a.tenant = $1) AND ($2::text IS NULL OR (a.tenant || ':' || split_part(a.code, ':', 3)) COLLATE "C" > $2)
       ORDER BY (a.tenant || ':' || split_part(a.code, ':', 3)) COLLATE "C" LIMIT $3`,
      [tenant, after ?? null, limit ?? null],
    );
    return rows.map((row) => {
      const owedNanos = BigInt(row.owed);
      const [drawnNanos, heldNanos] = [BigInt(row.drawn), BigInt(row.held)];
      return { tenant: row.tenant, payee: row.payee, earnedNanos: owedNanos + drawnNanos + heldNanos, drawnNanos, heldNanos, owedNanos };
    });
  }

  /** In order of statement and payee, after `<statement>:<payee>`. */
  async payouts(manager: EntityManager, page: { tenant: string | null; after?: string | undefined; limit: number }): Promise<Payout[]> {
    const rows = await manager.query<{ statement: string; tenant: string; payee: string; units: string; state: Payout['state']; settled_tx: string | null; settled_at_ms: string | null }[]>(
      `SELECT l.statement, l.tenant, l.payee, l.units, s.state, s.settled_tx, s.settled_at_ms FROM billing.statement_lines l JOIN billing.statements s ON s.id = l.statement
       WHERE ($1::uuid IS NULL OR l.tenant = $1) AND ($2::text IS NULL OR (l.statement || ':' || l.payee) COLLATE "C" > $2) ORDER BY l.statement, l.payee COLLATE "C" LIMIT $3`,
      [page.tenant, page.after ?? null, page.limit],
    );
    return rows.map(({ units, settled_tx: settledTx, settled_at_ms: settledAtMs, ...row }) => ({ ...row, units: BigInt(units), settledTx, settledAtMs: settledAtMs === null ? null : Number(settledAtMs) }));
  }

  /** By how much a tenant's deposit is below zero, in units. */
  async depositMissing(manager: EntityManager, tenant: string, currency: string): Promise<bigint> {
    const { code } = deposit(tenant, currency);
    const [row] = await manager.query<{ balance: string }[]>('SELECT balance FROM billing.accounts WHERE code = $1 AND currency = $2', [code, currency]);
    const balance = BigInt(row?.balance ?? 0);
    return balance > 0n ? balance : 0n;
  }

  /** Whose deposit an address pays from. */
  async notePayer(manager: EntityManager, payer: string, tenant: string): Promise<void> {
    await manager.query('INSERT INTO billing.payers (payer, tenant) VALUES ($1, $2) ON CONFLICT (payer) DO UPDATE SET tenant = EXCLUDED.tenant WHERE payers.tenant <> EXCLUDED.tenant', [payer.toLowerCase(), tenant]);
  }

  async tenantOfPayer(manager: EntityManager, payer: string): Promise<string | undefined> {
    const [row] = await manager.query<{ tenant: string }[]>('SELECT tenant FROM billing.payers WHERE payer = $1', [payer.toLowerCase()]);
    return row?.tenant;
  }
}
