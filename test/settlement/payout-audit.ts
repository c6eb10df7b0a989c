import { expect } from '@jest/globals';
import { eventually } from '../e2e/eventually.js';
import type { PayoutStack } from './payout-stack.js';

/** A unit of the token, in nano-dollars. */
const nanosPerUnit = 1_000n;

/** Waits until all that was promised and is a whole unit is paid, told and booked, however long a minute's distrust of an endpoint takes. */
export async function paidOut(stack: PayoutStack): Promise<void> {
  await eventually(
    'every whole unit to be paid and booked',
    async (saw) => {
      const [left] = (
        await stack.sql.query<{ charges: number; payable: number; drawn: number; open: number; outbox: number }>(`
          SELECT (SELECT count(*) FROM billing.charges)::int AS charges, (SELECT count(*) FROM billing.accounts WHERE kind IN ('payable', 'unassigned') AND -balance >= ${nanosPerUnit})::int AS payable,
            (SELECT count(*) FROM billing.statements WHERE state = 'drawn')::int AS drawn, (SELECT count(*) FROM settlement.transactions WHERE state NOT IN ('final', 'failed'))::int AS open,
            (SELECT count(*) FROM settlement.outbox WHERE subject NOT LIKE '$KV.%')::int AS outbox`)
      ).rows;
      saw(left);
      return left!.charges === stack.records.length && left!.payable + left!.drawn + left!.open + left!.outbox === 0 ? true : undefined;
    },
    240_000,
  );
  await stack.chain.settled();
  // The watcher reads what is final: our own last deposits and withdrawals become so now.
  await eventually('books to hold what the escrow holds', async (saw) => {
    const held = await stack.chain.token.balanceOf(stack.chain.escrow.address);
    const booked = await ledger(stack, 'escrow');
    saw({ held, booked });
    return [...booked.values()].reduce((sum, units) => sum + units, 0n) === held ? true : undefined;
  });
}

/** Balances of token accounts by the key of their kind, debits positive. */
async function ledger(stack: PayoutStack, kind: 'escrow' | 'deposit' | 'credited'): Promise<Map<string, bigint>> {
  const { rows } = await stack.sql.query<{ code: string; balance: string }>(`SELECT code, balance FROM billing.accounts WHERE kind = $1 AND currency = 'TUSD6'`, [kind]);
  return new Map(rows.map(({ code, balance }) => [code.split(':').slice(1).join(' '), BigInt(balance)]));
}

/** Everything that must hold when all is paid; compares books, outbox and chain, each with what the test itself promised. Gives some figures. */
export async function audited(stack: PayoutStack): Promise<{ statements: number; payees: number; units: bigint; signed: number; replaced: number }> {
  const { chain, sql, customers } = stack;
  const [deposits, credited] = [await ledger(stack, 'deposit'), await ledger(stack, 'credited')];
  let [units, held] = [0n, 0n];
  const problems: string[] = [];
  const same = (what: string, found: unknown, wanted: unknown): void => {
    if (String(found) !== String(wanted)) problems.push(`${what} is ${String(found)}, not ${String(wanted)}`);
  };

  // Each payee got every whole unit that it was promised, once; books and chain say so both.
  for (const { tenant, payer } of customers) {
    const state = await chain.escrow.payer(payer.address);
    same(`deposit of ${tenant}`, -(deposits.get(tenant) ?? 0n), state.available);
    held += state.available;
    let total = 0n;
    for (const [account, nanos] of stack.owed) {
      const [owner, payee] = account.split(' ') as [string, string];
      if (owner !== tenant) continue;
      const index = await chain.escrow.indexOf(payee);
      const { cumulative, drawn } = index === null ? { cumulative: 0n, drawn: 0n } : await chain.escrow.credit(payer.address, index);
      same(`credit of ${account}`, cumulative, nanos / nanosPerUnit);
      same(`booked credit of ${account}`, -(credited.get(account) ?? 0n), cumulative - drawn);
      total += cumulative;
      held += cumulative - drawn;
    }
    same(`cumulative total of ${tenant}`, state.cumulativeTotal, total);
    units += total;
  }
  same('token balance of the escrow', await chain.token.balanceOf(chain.escrow.address), held);

  // One event a statement, in order of epochs, no more; signed epochs have no gap and none was signed twice.
  const { rows: statements } = await sql.query<{ payer: string; epoch: string; settled: boolean; known: boolean }>(
    `SELECT s.payer, s.epoch, s.settled_tx IS NOT NULL AS settled, b.state = 'settled' AS known FROM settlement.statements s FULL JOIN billing.statements b USING (id)`,
  );
  for (const { settled, known } of statements) if (!settled || !known) problems.push('a statement is not settled in both books');
  const epochs = await chain.events('EpochSettled');
  same('events of epochs', epochs.length, statements.length);
  same('epochs on chain', epochs.map(({ payer, epoch }) => `${payer} ${epoch}`).sort().join(), statements.map(({ payer, epoch }) => `${payer} ${epoch}`).sort().join());
  same('units of all epochs', epochs.reduce((sum, each) => sum + each.units, 0n), units);
  const { rows: signed } = await sql.query<{ payer: string; epochs: string[] }>(
    `SELECT s.payer, array_agg(h.file::jsonb -> 'statement' ->> 'epoch' ORDER BY h.number) AS epochs FROM settlement.handed h JOIN settlement.statements s ON s.id = h.statement GROUP BY 1`,
  );
  for (const { payer, epochs: own } of signed) same(`signed epochs of ${payer}`, own.join(), own.map((_, at) => at + 1).join());

  // Every nonce was used, by ours and once.
  const { rows: transactions } = await sql.query<{ nonce: string; attempts: number; error: string | null }>(
    `SELECT nonce, error, (SELECT count(*) FROM settlement.attempts a WHERE a.transaction = t.id)::int AS attempts FROM settlement.transactions t WHERE nonce IS NOT NULL ORDER BY nonce`,
  );
  same('nonces', transactions.map(({ nonce }) => nonce).join(), transactions.map((_, at) => at).join());
  for (const { error } of transactions) if (error?.includes('foreign') === true) problems.push(error);

  // No weather here breaks finality.
  same('events that were final and are not', (await sql.query('SELECT 1 FROM settlement.chain_events WHERE taken_back_at IS NOT NULL')).rowCount, 0);

  // The books are sound, and nothing in them is odd.
  for (const { currency, sum } of (await sql.query<{ currency: string; sum: string }>('SELECT a.currency, sum(p.amount) AS sum FROM billing.postings p JOIN billing.accounts a ON a.id = p.account GROUP BY 1')).rows) same(`sum of ${currency}`, sum, 0);
  const odd = await sql.query<{ kind: string; count: string }>(`SELECT kind, count(*) FROM billing.anomalies WHERE kind IN ('settlement_mismatch', 'payer_unknown', 'completed_conflict') GROUP BY 1`);
  for (const { kind, count } of odd.rows) problems.push(`${count} × ${kind}`);

  expect(problems).toEqual([]);
  const payees = new Set([...stack.owed.keys()].map((account) => account.split(' ')[1])).size;
  return { statements: statements.length, payees, units, signed: signed.reduce((sum, { epochs: own }) => sum + own.length, 0), replaced: transactions.filter(({ attempts }) => attempts > 1).length };
}
