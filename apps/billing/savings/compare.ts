import { formatNanos, meterUnits, priceOf } from '#kernel';
import type { MachineMeter } from '#kernel';
import type { BaselinePrice, BaselineTable, MeterPrice, ModelBaseline, SavingsReport, SavingsRow } from '#protocol';

/** What a model did by one meter beside tokens, and what was charged for that. */
export interface MeteredWork {
  readonly meter: MachineMeter;
  readonly quantity: number;
  readonly paidNanos: bigint;
}

/** What a model did on one day, in UTC, and what was charged for it: for its tokens, for what else was measured, and beside both. */
export interface DayOfWork {
  readonly model: string;
  /** `2026-11-26`. */
  readonly day: string;
  readonly requests: number;
  /** Without what was cached, which is a meter. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly paidNanos: bigint;
  readonly meters: readonly MeteredWork[];
  /** Fees of requests, and what was charged beside usage × price: paid for with whichever work is compared. */
  readonly otherNanos: bigint;
}

const perMillion = 1_000_000n;

/** One row for each model, kind of work and price that it is set against: a price is that of the work's own day. */
export function savingsRows(work: readonly DayOfWork[], table: BaselineTable): SavingsRow[] {
  const rows = new Map<string, SavingsRow>();
  for (const day of work) {
    const parts = partsOf(day, table);
    // What is paid beside the parts makes something dearer, if anything of it is compared.
    const bearer = parts.find(({ baselineNanos }) => baselineNanos !== null) ?? parts[0]!;
    for (const part of parts) {
      const key = JSON.stringify([part.model, part.meter ?? null, placeOf(part.meterBaseline ?? part.baseline), part.baselineNanos === null]);
      const more = part === bearer ? { requests: day.requests, paidNanos: part.paidNanos + day.otherNanos } : {};
      rows.set(key, added(rows.get(key), { ...part, ...more }));
    }
  }
  return [...rows.values()].map(judged);
}

const placeOf = (price: BaselinePrice | MeterPrice | null): unknown => price && [price.provider, price.model, price.region, price.asOf, price.validFrom];

/** The same kind of work against the same price: what it would have cost is rounded once, in the end. */
const added = (before: SavingsRow | undefined, row: SavingsRow): SavingsRow =>
  before === undefined
    ? row
    : {
        ...before,
        requests: before.requests + row.requests,
        inputTokens: before.inputTokens + row.inputTokens,
        outputTokens: before.outputTokens + row.outputTokens,
        ...(before.quantity !== undefined && { quantity: before.quantity + row.quantity! }),
        paidNanos: before.paidNanos + row.paidNanos,
      };

/** A day's tokens and its other meters, each against its own price; tokens also where there is nothing else. */
function partsOf(day: DayOfWork, table: BaselineTable): SavingsRow[] {
  const { model, inputTokens, outputTokens, paidNanos } = day;
  const none = { model, requests: 0, inputTokens: 0, outputTokens: 0, baseline: null, isSame: false, note: null, baselineNanos: null, verdict: 'no_baseline' } as const;
  const tokens = (): SavingsRow => {
    const mapped = table.models.find((row) => row.model === model && row.meter === undefined);
    const baseline = mapped === undefined ? null : (priceOn(table.prices, mapped, day.day) ?? null);
    return judged({ ...none, inputTokens, outputTokens, paidNanos, baseline, isSame: baseline !== null && mapped!.isSame, note: noteOf('tokens', mapped, baseline, day.day) });
  };
  const metered = day.meters.map(({ meter, quantity, paidNanos: paid }): SavingsRow => {
    const mapped = table.models.find((row) => row.model === model && row.meter === meter) ?? table.models.find((row) => row.model === model && row.meter === undefined);
    const price = mapped && priceOn((table.meterPrices ?? []).filter((row) => row.meter === meter), mapped, day.day);
    return judged({ ...none, meter, quantity, paidNanos: paid, ...(price && { meterBaseline: price }), isSame: price !== undefined && mapped!.isSame, note: noteOf(meterUnits[meter].title, mapped, price ?? null, day.day) });
  });
  return inputTokens + outputTokens > 0 || paidNanos !== 0n || metered.length === 0 ? [tokens(), ...metered] : metered;
}

function noteOf(work: string, mapped: ModelBaseline | undefined, price: BaselinePrice | MeterPrice | null, day: string): string {
  if (mapped === undefined) return 'no comparison: no row of the table is named for this model';
  return price === null ? `no comparison: the table holds no price of ${work} of ${mapped.provider} ${mapped.baseline} in ${mapped.region} on ${day}` : mapped.note;
}

/** The row that was in force on a day: of those that are, the last that was seen by then, else the first seen after. */
function priceOn<T extends BaselinePrice | MeterPrice>(prices: readonly T[], { provider, baseline, region }: ModelBaseline, day: string): T | undefined {
  const inForce = prices
    .filter((price) => price.provider === provider && price.model === baseline && price.region === region && (price.validFrom ?? '') <= day && (price.validTo ?? '9999') >= day)
    .sort((a, b) => (a.asOf < b.asOf ? -1 : 1));
  return inForce.filter(({ asOf }) => asOf <= day).at(-1) ?? inForce[0];
}

function judged(row: SavingsRow): SavingsRow {
  const { baseline, meterBaseline, inputTokens, outputTokens, quantity, paidNanos } = row;
  if (meterBaseline !== undefined) return against(row, priceOf(BigInt(quantity!), meterBaseline.nanos, BigInt(meterBaseline.per)));
  if (baseline === null) return row;
  // An output without a price would make the baseline too cheap: it is not one then.
  if (outputTokens > 0 && baseline.outputNanosPerMillion === null) return { ...row, note: 'no comparison: the row has no price of output tokens' };
  return against(row, priceOf(BigInt(inputTokens), baseline.inputNanosPerMillion, perMillion) + priceOf(BigInt(outputTokens), baseline.outputNanosPerMillion ?? 0n, perMillion));

  function against(of: SavingsRow, baselineNanos: bigint): SavingsRow {
    return { ...of, baselineNanos, verdict: verdictOf(paidNanos, baselineNanos) };
  }
}

export const verdictOf = (paidNanos: bigint, baselineNanos: bigint): SavingsRow['verdict'] => (paidNanos < baselineNanos ? 'cheaper' : paidNanos > baselineNanos ? 'dearer' : 'equal');

/** All that was paid for the rows that can be compared, with gas, against all baselines. Gas without a price of its coin is left out, and said to be. */
export function savingsTotals(rows: readonly SavingsRow[], gas: { wei: bigint; transactions: number }, coin: BaselineTable['coin']): Pick<SavingsReport, 'beside' | 'paidNanos' | 'baselineNanos' | 'uncomparedNanos' | 'verdict' | 'caveats'> {
  const compared = rows.filter(({ baselineNanos }) => baselineNanos !== null);
  const uncompared = rows.filter(({ baselineNanos }) => baselineNanos === null);
  const gasNanos = coin === null ? null : priceOf(gas.wei, coin.nanosPerCoin, 10n ** 18n);
  const paidNanos = paidFor(compared) + (gasNanos ?? 0n);
  const baselineNanos = compared.reduce((sum, row) => sum + row.baselineNanos!, 0n);
  const gasWords = coin === null ? 'no price of the coin is in the table: not in the sum' : `at the price of ${coin.asOf} (${coin.source})`;
  return {
    beside: [
      { what: 'gas', quantity: `${gas.wei} wei in ${gas.transactions} transactions`, nanos: gasNanos, explanation: `paid for settlements on chain, ${gasWords}` },
      { what: 'retries', quantity: 'not charged', nanos: 0n, explanation: 'attempts that failed, and what checks of machines cost, are not charged to the organisation; the second copy of a request on another machine is, and is no work' },
    ],
    paidNanos,
    baselineNanos,
    uncomparedNanos: paidFor(uncompared),
    verdict: compared.length === 0 ? 'no_baseline' : verdictOf(paidNanos, baselineNanos),
    caveats: [
      'Baselines are list prices on demand, before tax and without commitments, of the day that each row says.',
      ...uncomparedWords(uncompared),
      ...(compared.some(({ isSame }) => !isSame) ? ['Some work is set against another model than the same one: no like for like.'] : []),
      ...(gasNanos === null && gas.wei > 0n ? ['Gas was paid and is in no sum: the table has no price of the coin.'] : []),
    ],
  };
}

const paidFor = (rows: readonly SavingsRow[]): bigint => rows.reduce((sum, row) => sum + row.paidNanos, 0n);

/** A sentence for each kind of work that is in neither sum: how much of it, and what was paid for it. */
function uncomparedWords(rows: readonly SavingsRow[]): string[] {
  return [...new Set(rows.map(({ meter }) => meter))].map((meter) => {
    const of = rows.filter((row) => row.meter === meter);
    const amount = meter === undefined ? of.reduce((sum, row) => sum + row.inputTokens + row.outputTokens, 0) : of.reduce((sum, row) => sum + row.quantity!, 0);
    const counted = meter === undefined ? 'tokens' : meterUnits[meter].counted === meterUnits[meter].title ? meterUnits[meter].title : `${meterUnits[meter].counted} of ${meterUnits[meter].title}`;
    return `No comparison: ${amount} ${counted}, for ${formatNanos(paidFor(of))} USD. Without a price in the table that work is in neither sum.`;
  });
}
