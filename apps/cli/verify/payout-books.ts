import type { ChainView } from './chain-view.js';
import type { Query } from './sources.js';

/** What the books say of one payee and one paying organisation. */
export interface PayeeBooks {
  readonly tenant: string;
  /** Lower-case address. */
  readonly payee: string;
  /** By its charges, less what verification refuted, and by the royalties that it got and gave. */
  readonly earnedNanos: bigint;
  /** Of that, kept back until the work is verified. */
  readonly heldNanos: bigint;
  /** By the ledger: earned, not held and not drawn. */
  readonly payableNanos: bigint;
  readonly drawnUnits: bigint;
  /** What of its earnings the statements' lines pay, each at its statement's rate. */
  readonly drawnNanos: bigint;
  readonly settledUnits: bigint;
  /** Highest cumulative total in any signed statement. */
  readonly signedUnits: bigint;
  /** By the ledger: credited on chain and not withdrawn. */
  readonly creditedUnits: bigint;
  /** The highest that a unit was ever worth, rounded up. */
  readonly nanosPerUnit: bigint;
}

export interface PayoutBooks {
  readonly payees: readonly PayeeBooks[];
  readonly payers: readonly { readonly tenant: string; readonly address: string }[];
  readonly escrowUnits: bigint;
  /** The first block that settlement has not read. */
  readonly nextBlock: number;
  /** Organisations whose statements' totals are not the sums of their lines. */
  readonly misdrawn: readonly string[];
  depositOf(tenant: string): bigint;
  /** Deposited by a payer's address and not told to the books, which refuse it. */
  heldOf(address: string): bigint;
}

interface PayeeRow {
  tenant: string;
  payee: string;
  earned: string;
  held: string;
  payable: string;
  drawn: string;
  settled: string;
  signed: string;
  credited: string;
  drawn_nanos: string;
  nanos_per_unit: string;
}

/** What so many units pay of a debt, at the rate of statement `s`: a nano that is begun is paid. */
const nanosOf = (units: string): string => `div(${units} * (s.rate ->> 'nanos')::numeric + (s.rate ->> 'units')::numeric - 1, (s.rate ->> 'units')::numeric)`;

const payeesSql = `
  WITH earned AS (
    SELECT tenant, payee, sum(nanos) AS nanos FROM (
      SELECT c.tenant::text AS tenant, n.payout_address AS payee, COALESCE(c.earned_nanos, c.amount_nanos) AS nanos FROM billing.charges c JOIN billing.nodes n ON n.id = c.node
      UNION ALL SELECT tenant::text, owner, amount_nanos FROM billing.royalties
      UNION ALL SELECT h.tenant::text, n.payout_address, -h.forfeited_nanos FROM billing.holdbacks h JOIN billing.nodes n ON n.id = h.node WHERE h.forfeited_nanos > 0
      UNION ALL SELECT tenant::text, payer, -amount_nanos FROM billing.royalties) e GROUP BY 1, 2
  ), held AS (
    SELECT h.tenant::text AS tenant, n.payout_address AS payee, sum(h.amount_nanos) AS nanos FROM billing.holdbacks h JOIN billing.nodes n ON n.id = h.node WHERE h.state = 'held' GROUP BY 1, 2
  ), lines AS (
    SELECT l.tenant::text AS tenant, l.payee, sum(l.units) AS drawn, sum(l.nanos) AS drawn_nanos, COALESCE(sum(l.units) FILTER (WHERE s.state = 'settled'), 0) AS settled, max(${nanosOf('1')}) AS nanos_per_unit
    FROM billing.statement_lines l JOIN billing.statements s ON s.id = l.statement GROUP BY 1, 2
  ), signed AS (
    SELECT s.tenant::text AS tenant, lower(p->>'payee') AS payee, max((p->>'cumulativeUnits')::numeric) AS units
    FROM settlement.statements s, jsonb_array_elements(s.payees) p WHERE s.signature IS NOT NULL GROUP BY 1, 2
  ), booked AS (
    SELECT tenant, split_part(code, ':', 3) AS payee, -COALESCE(sum(balance) FILTER (WHERE kind = 'payable'), 0) AS payable,
      -COALESCE(sum(balance) FILTER (WHERE kind = 'credited'), 0) AS credited
    FROM billing.accounts WHERE kind IN ('payable', 'credited') GROUP BY 1, 2
  )
  SELECT tenant, payee, COALESCE(e.nanos, 0) AS earned, COALESCE(h.nanos, 0) AS held, COALESCE(b.payable, 0) AS payable, COALESCE(l.drawn, 0) AS drawn, COALESCE(l.settled, 0) AS settled,
    COALESCE(s.units, 0) AS signed, COALESCE(b.credited, 0) AS credited, COALESCE(l.drawn_nanos, 0) AS drawn_nanos, COALESCE(l.nanos_per_unit, 0) AS nanos_per_unit
  FROM earned e FULL JOIN lines l USING (tenant, payee) FULL JOIN signed s USING (tenant, payee) FULL JOIN booked b USING (tenant, payee) FULL JOIN held h USING (tenant, payee)
  ORDER BY tenant, payee`;

/** A statement's own totals against its lines, its running total against those before it (one is open at a time), and what its lines pay against its rate. */
const misdrawnSql = `
  SELECT tenant FROM (
    SELECT s.tenant, s.total_units, l.units, s.cumulative_total_units, sum(l.units) OVER (PARTITION BY s.tenant ORDER BY s.cumulative_total_units, s.id) AS running
    FROM billing.statements s LEFT JOIN (SELECT statement, sum(units) AS units FROM billing.statement_lines GROUP BY statement) l ON l.statement = s.id) t
  WHERE total_units IS DISTINCT FROM units OR cumulative_total_units IS DISTINCT FROM running
  UNION SELECT s.tenant FROM billing.statement_lines l JOIN billing.statements s ON s.id = l.statement WHERE l.nanos <> ${nanosOf('l.units')} ORDER BY 1`;

/** Everything about payouts that Postgres knows, of one instant. */
export async function booksOf(query: Query, chain: ChainView | undefined): Promise<PayoutBooks> {
  const payees = await query<PayeeRow>(payeesSql);
  const payers = await query<{ tenant: string; address: string }>('SELECT tenant, address FROM settlement.payers ORDER BY tenant');
  const accounts = await query<{ kind: string; tenant: string; balance: string }>(`SELECT kind, tenant, sum(balance) AS balance FROM billing.accounts WHERE kind IN ('escrow', 'deposit') GROUP BY kind, tenant`);
  const [cursor] = await query<{ next: string }>('SELECT next_block AS next FROM settlement.cursors WHERE chain_id = $1 AND lower(escrow) = $2', [chain?.chainId.toString() ?? '0', chain?.escrow.toLowerCase() ?? '']);
  const held = await query<{ payer: string; units: string }>(`SELECT payer, sum(CASE name WHEN 'Deposited' THEN units ELSE -units END) AS units FROM settlement.chain_events WHERE held IS NOT NULL GROUP BY payer`);
  const heldUnits = new Map(held.map(({ payer, units }) => [payer, BigInt(units)]));
  const misdrawn = await query<{ tenant: string }>(misdrawnSql);
  const balances = new Map(accounts.map(({ kind, tenant, balance }) => [`${kind} ${tenant}`, BigInt(balance)]));
  return {
    payees: payees.map((row) => ({
      tenant: row.tenant,
      payee: row.payee,
      earnedNanos: BigInt(row.earned),
      heldNanos: BigInt(row.held),
      payableNanos: BigInt(row.payable),
      drawnUnits: BigInt(row.drawn),
      settledUnits: BigInt(row.settled),
      signedUnits: BigInt(row.signed),
      creditedUnits: BigInt(row.credited),
      drawnNanos: BigInt(row.drawn_nanos),
      nanosPerUnit: BigInt(row.nanos_per_unit),
    })),
    payers,
    escrowUnits: accounts.filter(({ kind }) => kind === 'escrow').reduce((sum, { balance }) => sum + BigInt(balance), 0n),
    nextBlock: Number(cursor?.next ?? 0),
    misdrawn: misdrawn.map(({ tenant }) => tenant),
    heldOf: (address) => heldUnits.get(address) ?? 0n,
    depositOf: (tenant) => -(balances.get(`deposit ${tenant}`) ?? 0n),
  };
}
