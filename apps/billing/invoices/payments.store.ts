import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { InvoicePayment } from '#protocol';
import { accountId, deposit, namedUuid, receivable } from '../ledger/chart-of-accounts.js';
import { isOpen } from './invoices.store.js';

export interface SettledMoney {
  readonly statement: string;
  readonly tx: string;
  readonly settledAtMs: number;
  /** Of what the statement settled, not yet paid on an invoice. Negative: the chain took back the deposit that paid it. */
  readonly leftNanos: bigint;
}

/** A payment as it is stored: what a settled statement gave for it in dollars. */
export interface StoredPayment extends InvoicePayment {
  readonly usdNanos: bigint | null;
}

/** As it stands in the log, where there is any. */
export const excessOf = ({ excessMinor = 0n }: Pick<InvoicePayment, 'excessMinor'>): { excessMinor?: string } => (excessMinor === 0n ? {} : { excessMinor: excessMinor.toString() });

interface Row {
  id: string;
  invoice: string;
  amount_minor: string;
  excess_minor: string;
  source: InvoicePayment['source'];
  reference: string;
  usd_nanos: string | null;
  paid_at_ms: string;
  reversal: string | null;
  reversal_reason: string | null;
  reversed_at_ms: string | null;
}

@Injectable()
export class PaymentsStore {
  async find(manager: EntityManager, id: string): Promise<StoredPayment | undefined> {
    return (await this.read(manager, 'id = $1', id))[0];
  }

  async ofInvoice(manager: EntityManager, invoice: string): Promise<InvoicePayment[]> {
    return (await this.read(manager, 'invoice = $1', invoice)).map(({ usdNanos: _usdNanos, ...payment }) => payment);
  }

  /** What a statement pays now, the oldest invoice first. */
  ofStatement(manager: EntityManager, statement: string): Promise<StoredPayment[]> {
    return this.read(manager, 'statement = $1 AND reversal IS NULL', statement);
  }

  /** How often a statement paid an invoice, reversed or not. */
  async countOf(manager: EntityManager, invoice: string, statement: string): Promise<number> {
    const [row] = await manager.query<{ n: string }[]>('SELECT count(*) AS n FROM billing.invoice_payments WHERE invoice = $1 AND statement = $2', [invoice, statement]);
    return Number(row!.n);
  }

  /** Whether an id is that of a reversal. */
  async reversedBy(manager: EntityManager, reversal: string): Promise<InvoicePayment | undefined> {
    return (await this.read(manager, 'reversal = $1', reversal))[0];
  }

  /** Of one that is not reversed yet. */
  async reverse(manager: EntityManager, { id, invoice, amountMinor }: InvoicePayment, reversal: NonNullable<InvoicePayment['reversal']>): Promise<void> {
    await manager.query('UPDATE billing.invoice_payments SET reversal = $2, reversal_reason = $3, reversed_at_ms = $4 WHERE id = $1', [id, reversal.id, reversal.reason, reversal.atMs]);
    await manager.query('UPDATE billing.invoices SET paid_minor = paid_minor - $2 WHERE id = $1', [invoice, amountMinor]);
  }

  async add(manager: EntityManager, tenant: string, payment: Omit<InvoicePayment, 'reversal'>, chain: { statement: string; usdNanos: bigint } | null): Promise<void> {
    await manager.query('INSERT INTO billing.invoice_payments (id, invoice, tenant, amount_minor, source, reference, statement, usd_nanos, paid_at_ms, excess_minor) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)', [
      ...[payment.id, payment.invoice, tenant, payment.amountMinor, payment.source, payment.reference],
      ...[chain?.statement ?? null, chain?.usdNanos ?? null, payment.paidAtMs, payment.excessMinor ?? 0n],
    ]);
    await manager.query('UPDATE billing.invoices SET paid_minor = paid_minor + $2 WHERE id = $1', [payment.invoice, payment.amountMinor]);
  }

  /** What settled statements took off the tenant's debt, as posted, less what paid invoices already, and less what the chain took back of the deposit since: that of the last ones. Oldest first. */
  async settled(manager: EntityManager, tenant: string): Promise<SettledMoney[]> {
    const statements = await manager.query<{ id: string; settled_tx: string; settled_at_ms: string; used: string; units: string }[]>(
      `SELECT s.id, s.settled_tx, s.settled_at_ms, COALESCE((SELECT sum(p.usd_nanos) FROM billing.invoice_payments p WHERE p.statement = s.id AND p.reversal IS NULL), 0) AS used,
         COALESCE((SELECT sum(l.units) FROM billing.statement_lines l WHERE l.statement = s.id), 0) AS units
       FROM billing.statements s WHERE s.tenant = $1 AND s.state = 'settled' ORDER BY s.settled_at_ms, s.id`,
      [tenant],
    );
    const posted = await manager.query<{ transfer: string; amount: string }[]>('SELECT transfer, amount FROM billing.postings WHERE transfer = ANY($1::uuid[]) AND account = $2', [
      statements.map(({ id }) => namedUuid('epoch.settle', id)),
      accountId(receivable(tenant)),
    ]);
    const amounts = new Map(posted.map(({ transfer, amount }) => [transfer, -BigInt(amount)]));
    let goneUnits = await this.takenBack(manager, tenant);
    const money = statements.reverse().map((row): SettledMoney => {
      const [settledNanos, units] = [amounts.get(namedUuid('epoch.settle', row.id)) ?? 0n, BigInt(row.units)];
      const gone = goneUnits < units ? goneUnits : units;
      goneUnits -= gone;
      const goodNanos = gone === 0n ? settledNanos : (settledNanos * (units - gone)) / units;
      return { statement: row.id, tx: row.settled_tx, settledAtMs: Number(row.settled_at_ms), leftNanos: goodNanos - BigInt(row.used) };
    });
    return money.reverse();
  }

  /** Units that the chain took back for good out of a tenant's deposit, as far as they are missing there: with them statements were settled. */
  private async takenBack(manager: EntityManager, tenant: string): Promise<bigint> {
    const [row] = await manager.query<{ units: string | null }[]>(
      `SELECT sum(least(a.balance, (SELECT COALESCE(sum(p.amount), 0) FROM billing.postings p JOIN billing.transfers t ON t.id = p.transfer WHERE p.account = a.id AND t.code = 'deposit-reversal'))) AS units
       FROM billing.accounts a WHERE a.kind = 'deposit' AND a.code = $1 AND a.balance > 0`,
      [deposit(tenant, '').code],
    );
    return BigInt(row?.units ?? 0);
  }

  /** Organisations with an open invoice, and a settled statement or a credit balance in its currency, for the periodic look. */
  async tenantsOpen(manager: EntityManager): Promise<string[]> {
    const rows = await manager.query<{ tenant: string }[]>(
      `SELECT DISTINCT i.tenant FROM billing.invoices i WHERE ${isOpen} AND (EXISTS (SELECT 1 FROM billing.statements s WHERE s.tenant = i.tenant AND s.state = 'settled')
         OR EXISTS (SELECT 1 FROM billing.accounts a WHERE a.tenant = i.tenant::text AND a.kind = 'credit-balance' AND a.currency = i.currency AND a.balance < 0))`,
    );
    return rows.map(({ tenant }) => tenant);
  }

  private async read(manager: EntityManager, where: string, id: string): Promise<StoredPayment[]> {
    const rows = await manager.query<Row[]>(
      `SELECT id, invoice, amount_minor, excess_minor, source, reference, usd_nanos, paid_at_ms, reversal, reversal_reason, reversed_at_ms FROM billing.invoice_payments WHERE ${where} ORDER BY paid_at_ms, id`,
      [id],
    );
    return rows.map((row) => ({
      ...{ id: row.id, invoice: row.invoice, amountMinor: BigInt(row.amount_minor), source: row.source, reference: row.reference, paidAtMs: Number(row.paid_at_ms) },
      ...(row.excess_minor !== '0' && { excessMinor: BigInt(row.excess_minor) }),
      usdNanos: row.usd_nanos === null ? null : BigInt(row.usd_nanos),
      reversal: row.reversal === null ? null : { id: row.reversal, reason: row.reversal_reason!, atMs: Number(row.reversed_at_ms) },
    }));
  }
}
