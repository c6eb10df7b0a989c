import { priceOf } from '#kernel';
import type { BaselinePrice, BaselineTable, SavingsReport, SavingsRow } from '#protocol';

/** What a model did on one day, in UTC, and what was charged for it. */
export interface DayOfWork {
  readonly model: string;
  /** `2026-11-26`. */
  readonly day: string;
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly paidNanos: bigint;
}

const perMillion = 1_000_000n;

/** One row for each model and price that it is set against: a price is that of the work's own day. */
export function savingsRows(work: readonly DayOfWork[], table: BaselineTable): SavingsRow[] {
  const rows = new Map<string, SavingsRow>();
  for (const day of work) {
    const mapped = table.models.find(({ model }) => model === day.model);
    const baseline = mapped === undefined ? null : (priceOn(table.prices, mapped, day.day) ?? null);
    const key = JSON.stringify([day.model, baseline === null ? null : [baseline.provider, baseline.model, baseline.region, baseline.asOf, baseline.validFrom]]);
    const before = rows.get(key);
    rows.set(key, {
      model: day.model,
      requests: (before?.requests ?? 0) + day.requests,
      inputTokens: (before?.inputTokens ?? 0) + day.inputTokens,
      outputTokens: (before?.outputTokens ?? 0) + day.outputTokens,
      paidNanos: (before?.paidNanos ?? 0n) + day.paidNanos,
      baseline,
      isSame: baseline !== null && mapped!.isSame,
      note: mapped === undefined ? 'no row of the table is named for this model' : baseline === null ? `the table holds no price of ${mapped.provider} ${mapped.baseline} in ${mapped.region} on ${day.day}` : mapped.note,
      baselineNanos: null,
      verdict: 'no_baseline',
    });
  }
  return [...rows.values()].map(judged);
}

/** The row that was in force on a day: of those that are, the last that was seen by then, else the first seen after. */
function priceOn(prices: readonly BaselinePrice[], { provider, baseline, region }: BaselineTable['models'][number], day: string): BaselinePrice | undefined {
  const inForce = prices
    .filter((price) => price.provider === provider && price.model === baseline && price.region === region && (price.validFrom ?? '') <= day && (price.validTo ?? '9999') >= day)
    .sort((a, b) => (a.asOf < b.asOf ? -1 : 1));
  return inForce.filter(({ asOf }) => asOf <= day).at(-1) ?? inForce[0];
}

function judged(row: SavingsRow): SavingsRow {
  const { baseline, inputTokens, outputTokens, paidNanos } = row;
  if (baseline === null) return row;
  // An output without a price would make the baseline too cheap: it is not one then.
  if (outputTokens > 0 && baseline.outputNanosPerMillion === null) return { ...row, note: 'the row has no price of output tokens' };
  const baselineNanos = priceOf(BigInt(inputTokens), baseline.inputNanosPerMillion, perMillion) + priceOf(BigInt(outputTokens), baseline.outputNanosPerMillion ?? 0n, perMillion);
  return { ...row, baselineNanos, verdict: verdictOf(paidNanos, baselineNanos) };
}

export const verdictOf = (paidNanos: bigint, baselineNanos: bigint): SavingsRow['verdict'] => (paidNanos < baselineNanos ? 'cheaper' : paidNanos > baselineNanos ? 'dearer' : 'equal');

/** All that was paid for the rows that can be compared, with gas, against all baselines. Gas without a price of its coin is left out, and said to be. */
export function savingsTotals(rows: readonly SavingsRow[], gas: { wei: bigint; transactions: number }, coin: BaselineTable['coin']): Pick<SavingsReport, 'beside' | 'paidNanos' | 'baselineNanos' | 'verdict' | 'caveats'> {
  const compared = rows.filter(({ baselineNanos }) => baselineNanos !== null);
  const gasNanos = coin === null ? null : priceOf(gas.wei, coin.nanosPerCoin, 10n ** 18n);
  const paidNanos = compared.reduce((sum, row) => sum + row.paidNanos, 0n) + (gasNanos ?? 0n);
  const baselineNanos = compared.reduce((sum, row) => sum + row.baselineNanos!, 0n);
  const gasWords = coin === null ? 'no price of the coin is in the table: not in the sum' : `at the price of ${coin.asOf} (${coin.source})`;
  return {
    beside: [
      { what: 'gas', quantity: `${gas.wei} wei in ${gas.transactions} transactions`, nanos: gasNanos, explanation: `paid for settlements on chain, ${gasWords}` },
      { what: 'retries', quantity: 'not charged', nanos: 0n, explanation: 'attempts that failed, and what checks of machines cost, are not charged to the organisation' },
    ],
    paidNanos,
    baselineNanos,
    verdict: compared.length === 0 ? 'no_baseline' : verdictOf(paidNanos, baselineNanos),
    caveats: [
      'Baselines are list prices on demand, before tax and without commitments, of the day that each row says.',
      ...(compared.length < rows.length ? ['Work without a baseline is in neither sum.'] : []),
      ...(compared.some(({ isSame }) => !isSame) ? ['Some work is set against another model than the same one: no like for like.'] : []),
      ...(gasNanos === null && gas.wei > 0n ? ['Gas was paid and is in no sum: the table has no price of the coin.'] : []),
    ],
  };
}
