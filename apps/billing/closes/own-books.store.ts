import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { CloseDifference } from '#protocol';
import { TrialBalanceStore } from '../ledger/trial-balance.store.js';
import type { Comparison } from './comparison.js';
import { invoiceComparisons } from './invoice-comparisons.js';
import { openItemComparisons } from './open-item-comparisons.js';
import { payableComparisons } from './payable-comparisons.js';

/** Accounts hashed at a time. */
const accountsPerPage = 20_000;

const comparisons: readonly Comparison[] = [
  ['charge_without_transfer', `SELECT c.record AS subject, c.amount_nanos || ' nanos are charged and not in the ledger' AS detail FROM billing.charges c LEFT JOIN billing.transfers t ON t.id = c.record AND t.code = 'charge' WHERE t.id IS NULL ORDER BY 1`],
  ['transfer_without_charge', `SELECT t.id AS subject, 'the ledger books a charge of which there is none' AS detail FROM billing.transfers t LEFT JOIN billing.charges c ON c.record = t.id WHERE t.code = 'charge' AND c.record IS NULL ORDER BY 1`],
  [
    'charge_not_transfer_amount',
    `SELECT c.record AS subject, 'charge of ' || c.amount_nanos || ' nanos, booked as ' || COALESCE(p.amount, 0) AS detail FROM billing.charges c JOIN billing.transfers t ON t.id = c.record
       LEFT JOIN (SELECT p.transfer, sum(p.amount) AS amount FROM billing.postings p JOIN billing.accounts a ON a.id = p.account WHERE a.kind = 'receivable' GROUP BY 1) p ON p.transfer = c.record
     WHERE c.amount_nanos <> COALESCE(p.amount, 0) ORDER BY 1`,
  ],
  [
    'usage_not_charges',
    `SELECT tenant::text AS subject, 'usage: ' || COALESCE(u.n, 0) || ' requests of ' || COALESCE(u.nanos, 0) || ' nanos, ' || COALESCE(u.input, 0) || ' tokens in and ' || COALESCE(u.output, 0) || ' out; charges: ' || COALESCE(c.n, 0) || ' of ' || COALESCE(c.nanos, 0) || ', ' || COALESCE(c.input, 0) || ' and ' || COALESCE(c.output, 0) AS detail
     FROM (SELECT tenant, sum(n) AS n, sum(amount_nanos) AS nanos, sum(input_tokens) AS input, sum(output_tokens) AS output FROM (
         SELECT tenant, 1 AS n, amount_nanos, input_tokens, output_tokens FROM billing.charges UNION ALL SELECT tenant, 0, amount_nanos, input_tokens, output_tokens FROM billing.corrections
       ) AS each GROUP BY tenant) c
       FULL JOIN (SELECT tenant, sum(requests) AS n, sum(amount_nanos) AS nanos, sum(input_tokens) AS input, sum(output_tokens) AS output FROM billing.usage_hours GROUP BY tenant) u USING (tenant)
     WHERE (COALESCE(c.n, 0), COALESCE(c.nanos, 0), COALESCE(c.input, 0), COALESCE(c.output, 0)) <> (COALESCE(u.n, 0), COALESCE(u.nanos, 0), COALESCE(u.input, 0), COALESCE(u.output, 0)) ORDER BY 1`,
  ],
  [
    'usage_not_charges',
    `SELECT tenant::text AS subject, 'usage: ' || COALESCE(u.quantity, 0) || ' ' || meter || ', charges: ' || COALESCE(c.quantity, 0) AS detail
     FROM (SELECT c.tenant, m.key AS meter, sum(m.value::numeric) AS quantity FROM (SELECT tenant, meters FROM billing.charges UNION ALL SELECT tenant, meters FROM billing.corrections) c CROSS JOIN LATERAL jsonb_each_text(c.meters) AS m(key, value) GROUP BY 1, 2) c
       FULL JOIN (SELECT tenant, meter, sum(quantity) AS quantity FROM billing.usage_meters GROUP BY 1, 2) u USING (tenant, meter)
     WHERE COALESCE(c.quantity, 0) <> COALESCE(u.quantity, 0) ORDER BY 1, 2`,
  ],
  [
    'budget_not_accounts',
    `SELECT b.id AS subject, 'a limit of ' || b.limit_nanos || ' nanos, available, leased and spent are ' || COALESCE(a.nanos, 0) AS detail
     FROM billing.budgets b LEFT JOIN (SELECT split_part(code, ':', 2) AS budget, sum(balance) AS nanos FROM billing.accounts WHERE kind IN ('budget.available', 'budget.leased', 'budget.spent') GROUP BY 1) a ON a.budget = b.id::text
     WHERE b.limit_nanos <> COALESCE(a.nanos, 0) ORDER BY 1`,
  ],
  [
    'leases_not_account',
    `SELECT b.id AS subject, 'leases hold ' || COALESCE(l.nanos, 0) || ' nanos, the account ' || COALESCE(a.balance, 0) AS detail FROM billing.budgets b
       LEFT JOIN (SELECT budget, sum(remaining_nanos) AS nanos FROM billing.leases GROUP BY budget) l ON l.budget = b.id LEFT JOIN billing.accounts a ON a.code = 'budget:' || b.id || ':leased'
     WHERE COALESCE(l.nanos, 0) <> COALESCE(a.balance, 0) ORDER BY 1`,
  ],
  [
    'drawn_not_statements',
    `SELECT tenant || ' ' || payee AS subject, 'unsettled statements say ' || COALESCE(s.nanos, 0) || ' nanos, the account ' || COALESCE(a.nanos, 0) AS detail
     FROM (SELECT tenant, split_part(code, ':', 3) AS payee, -balance AS nanos FROM billing.accounts WHERE kind = 'drawn') a
       FULL JOIN (SELECT l.tenant::text AS tenant, l.payee, sum(l.nanos) AS nanos FROM billing.statement_lines l JOIN billing.statements s ON s.id = l.statement WHERE s.state = 'drawn' GROUP BY 1, 2) s USING (tenant, payee)
     WHERE COALESCE(s.nanos, 0) <> COALESCE(a.nanos, 0) ORDER BY 1`,
  ],
  [
    'held_not_account',
    `SELECT tenant || ' ' || node AS subject, 'holdbacks keep ' || COALESCE(h.nanos, 0) || ' nanos, the account ' || COALESCE(a.nanos, 0) AS detail
     FROM (SELECT tenant, split_part(code, ':', 3) AS node, -balance AS nanos FROM billing.accounts WHERE kind = 'held') a
       FULL JOIN (SELECT tenant::text AS tenant, node::text AS node, sum(amount_nanos) AS nanos FROM billing.holdbacks WHERE state = 'held' GROUP BY 1, 2) h USING (tenant, node)
     WHERE COALESCE(h.nanos, 0) <> COALESCE(a.nanos, 0) ORDER BY 1`,
  ],
  [
    'granted_not_account',
    `SELECT tenant || ' ' || credit AS subject, 'credits have ' || COALESCE(c.nanos, 0) || ' nanos left, the account ' || COALESCE(a.nanos, 0) AS detail
     FROM (SELECT tenant, split_part(code, ':', 3) AS credit, -balance AS nanos FROM billing.accounts WHERE kind = 'granted') a
       FULL JOIN (SELECT tenant::text AS tenant, id::text AS credit, amount_nanos - used_nanos - lapsed_nanos AS nanos FROM billing.credits) c USING (tenant, credit)
     WHERE COALESCE(c.nanos, 0) <> COALESCE(a.nanos, 0) ORDER BY 1`,
  ],
];

/** A gateway counts work as done only with the node's receipt in hand. */
const missingReceipts = `SELECT c.record AS subject, 'done and charged without a receipt of node ' || c.node AS detail FROM billing.charges c
  LEFT JOIN billing.receipts r ON r.record = c.record AND r.node = c.node AND r.state = 'matched' WHERE c.outcome = 'ok' AND r.record IS NULL ORDER BY 1`;

/** A receipt that was matched says to the unit what was charged for. */
const otherReceipts = `SELECT r.record AS subject, 'node ' || r.node || ' signed for ' || r.input_tokens || ' tokens in and ' || r.output_tokens || ' out' || COALESCE(' and ' || r.meters::text, '') ||
    COALESCE('; charged to node ' || c.node || ' are ' || c.input_tokens || ' and ' || c.output_tokens || COALESCE(' and ' || c.meters::text, ''), '; there is no charge') AS detail
  FROM billing.receipts r LEFT JOIN billing.charges c ON c.record = r.record
  WHERE r.state = 'matched' AND (c.record IS NULL OR c.node <> r.node OR c.offer <> r.offer OR c.input_tokens <> r.input_tokens OR c.output_tokens <> r.output_tokens OR c.meters IS DISTINCT FROM r.meters OR c.response_hash <> r.response_hash) ORDER BY 1`;

/** The books against themselves, in the caller's snapshot. */
@Injectable()
export class OwnBooksStore {
  constructor(@Inject(TrialBalanceStore) private readonly trial: TrialBalanceStore) {}

  async differences(manager: EntityManager): Promise<CloseDifference[]> {
    const found: CloseDifference[] = [];
    for (const { currency, sum } of await this.trial.sumsOfPostings(manager)) if (sum !== 0n) found.push({ kind: 'currency_not_zero', subject: currency, detail: `all postings sum to ${sum}` });
    for (const code of await this.trial.wrongBalances(manager)) found.push({ kind: 'balance_not_postings', subject: code, detail: 'the cached balance is not the sum of the postings' });
    for (const [kind, sql] of [...comparisons, ...invoiceComparisons, ...openItemComparisons, ...payableComparisons, ['receipt_missing', missingReceipts] as const, ['receipt_not_charge', otherReceipts] as const]) {
      found.push(...(await manager.query<{ subject: string; detail: string }[]>(sql)).map((row) => ({ kind, ...row })));
    }
    return found;
  }

  /** Organisations whose usage before `untilMs` is in no invoice, and cannot be: nobody said whom to make it out to. */
  async usageWithoutBuyer(manager: EntityManager, untilMs: number): Promise<CloseDifference[]> {
    const rows = await manager.query<{ subject: string; detail: string }[]>(
      `SELECT a.tenant AS subject, u.n || ' charges of ' || u.nanos || ' nanos, from before this month, are in no invoice: put the buyer of the organisation, and draft one' AS detail
       FROM billing.accounts a CROSS JOIN LATERAL (
         SELECT count(*) AS n, sum(c.amount_nanos) AS nanos FROM billing.charges c WHERE c.tenant = a.tenant::uuid AND c.charged_at_ms < $1 AND NOT EXISTS (SELECT 1 FROM billing.invoiced_charges t WHERE t.record = c.record)
       ) u WHERE a.kind = 'receivable' AND a.balance <> 0 AND u.n > 0 AND NOT EXISTS (SELECT 1 FROM billing.buyers b WHERE b.tenant = a.tenant::uuid) ORDER BY 1`,
      [untilMs],
    );
    return rows.map((row) => ({ kind: 'usage_without_buyer', ...row }));
  }

  /** Whether receipts of charges are still on their way. */
  async lacksReceipts(manager: EntityManager): Promise<boolean> {
    return (await manager.query<unknown[]>(`${missingReceipts} LIMIT 1`)).length > 0;
  }

  async totals(manager: EntityManager): Promise<{ charges: number; chargedNanos: bigint; openClaims: number; unusualSpend: number }> {
    const [row] = await manager.query<{ charges: string; nanos: string; unusual: string; claims: string }[]>(
      `SELECT (SELECT count(*) FROM billing.charges) AS charges, (SELECT COALESCE(sum(amount_nanos), 0) FROM billing.charges) AS nanos, (SELECT count(*) FROM billing.unusual_spend) AS unusual, (SELECT count(*) FROM billing.receipts r WHERE r.state IN ('unverified', 'claim') AND NOT EXISTS (SELECT 1 FROM billing.claim_resolutions d WHERE d.record = r.record AND d.node = r.node)) AS claims`,
    );
    return { charges: Number(row!.charges), chargedNanos: BigInt(row!.nanos), openClaims: Number(row!.claims), unusualSpend: Number(row!.unusual) };
  }

  /** SHA-256, hex, over the lines `<currency> <account> <balance>` of all accounts in order of their bytes. */
  async trialBalanceHash(manager: EntityManager): Promise<string> {
    const hash = createHash('sha256');
    for (let after = ['', '']; ; ) {
      const rows = await manager.query<{ currency: string; code: string; balance: string }[]>(
        `SELECT currency, code, balance FROM billing.accounts WHERE (currency COLLATE "C", code COLLATE "C") > ($1, $2) ORDER BY currency COLLATE "C", code COLLATE "C" LIMIT $3`,
        [...after, accountsPerPage],
      );
      for (const { currency, code, balance } of rows) hash.update(`${currency} ${code} ${balance}\n`);
      if (rows.length < accountsPerPage) return hash.digest('hex');
      after = [rows.at(-1)!.currency, rows.at(-1)!.code];
    }
  }

  /** Deposits per tenant, and per tenant and payee what was settled and what is left to withdraw, in token units. */
  async token(manager: EntityManager, currency: string): Promise<{ deposits: ReadonlyMap<string, bigint>; settled: ReadonlyMap<string, bigint>; left: ReadonlyMap<string, bigint> }> {
    const rows = await manager.query<{ kind: string; key: string; units: string }[]>(
      `SELECT kind, CASE kind WHEN 'deposit' THEN tenant ELSE tenant || ' ' || split_part(code, ':', 3) END AS key, -balance AS units FROM billing.accounts WHERE kind IN ('deposit', 'credited') AND currency = $1
       UNION ALL
       SELECT 'settled', l.tenant || ' ' || l.payee, sum(l.units) FROM billing.statement_lines l JOIN billing.statements s ON s.id = l.statement WHERE s.state = 'settled' GROUP BY 2`,
      [currency],
    );
    const of = (kind: string): Map<string, bigint> => new Map(rows.filter((row) => row.kind === kind).map(({ key, units }) => [key, BigInt(units)]));
    return { deposits: of('deposit'), settled: of('settled'), left: of('credited') };
  }
}
