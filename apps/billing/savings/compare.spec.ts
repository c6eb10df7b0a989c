import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { baselinePrice } from '#protocol';
import type { BaselinePrice, BaselineTable } from '#protocol';
import { builtInPrices } from './built-in-prices.js';
import { savingsRows, savingsTotals } from './compare.js';
import type { DayOfWork } from './compare.js';

const price = (over: Partial<BaselinePrice> = {}): BaselinePrice => ({ provider: 'Cloud', model: 'big', region: 'eu', inputNanosPerMillion: 1_000_000n, outputNanosPerMillion: 2_000_000n, asOf: '2026-01-01', validFrom: null, validTo: null, status: 'primary', source: 'its page', ...over });
const table = (prices: BaselinePrice[], over: Partial<BaselineTable> = {}): BaselineTable => ({ prices, models: [{ model: 'm', provider: 'Cloud', baseline: 'big', region: 'eu', isSame: true, note: 'the same weights' }], coin: null, ...over });
const work = (over: Partial<DayOfWork> = {}): DayOfWork => ({ model: 'm', day: '2026-06-01', requests: 1, inputTokens: 1_000_000, outputTokens: 1_000_000, paidNanos: 2_500_000n, ...over });
const noGas = { wei: 0n, transactions: 0 };

describe('what is saved', () => {
  it('is the list price of the same tokens less all that was paid, and dearer is called dearer', () => {
    const [cheaper] = savingsRows([work()], table([price()]));
    expect(cheaper).toMatchObject({ baselineNanos: 3_000_000n, verdict: 'cheaper', isSame: true });
    expect(savingsRows([work({ paidNanos: 3_000_001n })], table([price()]))[0]).toMatchObject({ verdict: 'dearer' });
    expect(savingsRows([work({ paidNanos: 3_000_000n })], table([price()]))[0]).toMatchObject({ verdict: 'equal' });
  });

  it('counts gas as paid: what is cheaper by its charges alone may be dearer', () => {
    const rows = savingsRows([work()], table([price()]));
    const coin = { nanosPerCoin: 2_000n * 10n ** 9n, asOf: '2026-06-01', source: 'a market' };
    // 10¹² wei of a coin of 2,000 dollars are 2,000,000 nano-dollars.
    expect(savingsTotals(rows, { wei: 10n ** 12n, transactions: 3 }, coin)).toMatchObject({ paidNanos: 4_500_000n, baselineNanos: 3_000_000n, verdict: 'dearer', beside: [{ what: 'gas', quantity: '1000000000000 wei in 3 transactions', nanos: 2_000_000n }, { what: 'retries', nanos: 0n }] });
    const unpriced = savingsTotals(rows, { wei: 1n, transactions: 1 }, null);
    expect([unpriced.paidNanos, unpriced.beside[0]!.nanos, unpriced.caveats.at(-1)]).toEqual([2_500_000n, null, 'Gas was paid and is in no sum: the table has no price of the coin.']);
  });

  it('takes the price of the day of the work, from rows in force, the last that was seen by then', () => {
    const prices = [
      price({ asOf: '2026-02-01', validTo: '2026-05-31', inputNanosPerMillion: 10n }),
      price({ asOf: '2026-03-01', validTo: '2026-05-31', inputNanosPerMillion: 20n }),
      price({ asOf: '2026-06-15', validFrom: '2026-06-01', inputNanosPerMillion: 30n }),
    ];
    const rows = savingsRows(['2026-01-15', '2026-02-20', '2026-05-31', '2026-06-01', '2026-07-01'].map((day) => work({ day })), table(prices));
    expect(rows.map(({ baseline, requests }) => [baseline!.inputNanosPerMillion, requests])).toEqual([[10n, 2], [20n, 1], [30n, 2]]);
  });

  it('has no baseline rather than a guess: no row, no price of the day, no price of output', () => {
    const rows = savingsRows([work({ model: 'other' }), work({ day: '2025-01-01' })], table([price({ validFrom: '2026-01-01' })]));
    expect(rows.map(({ verdict, note }) => [verdict, note])).toEqual([['no_baseline', 'no row of the table is named for this model'], ['no_baseline', 'the table holds no price of Cloud big in eu on 2025-01-01']]);
    expect(savingsRows([work()], table([price({ outputNanosPerMillion: null })]))[0]).toMatchObject({ verdict: 'no_baseline', baselineNanos: null });
    expect(savingsRows([work({ outputTokens: 0 })], table([price({ outputNanosPerMillion: null })]))[0]).toMatchObject({ baselineNanos: 1_000_000n });
    expect(savingsTotals(rows, noGas, null)).toMatchObject({ paidNanos: 0n, baselineNanos: 0n, verdict: 'no_baseline' });
  });

  it('says so where work is set against another model, or is in neither sum', () => {
    const other = table([price()], { models: [{ model: 'm', provider: 'Cloud', baseline: 'big', region: 'eu', isSame: false, note: 'a larger one' }] });
    const { caveats } = savingsTotals(savingsRows([work(), work({ model: 'x' })], other), noGas, null);
    expect(caveats.join(' ')).toMatch(/in neither sum.*no like for like/);
  });

  it('loses no work, whatever the table says', () => {
    const days = fc.constantFrom('2025-12-31', '2026-01-01', '2026-06-01', '2026-12-31');
    const works = fc.array(fc.record({ model: fc.constantFrom('m', 'n'), day: days, requests: fc.nat(9), inputTokens: fc.nat(10 ** 6), outputTokens: fc.nat(10 ** 6), paidNanos: fc.bigInt({ min: 0n, max: 10n ** 12n }) }), { maxLength: 30 });
    fc.assert(
      fc.property(works, fc.array(fc.record({ asOf: days, validFrom: fc.option(days), validTo: fc.option(days) }), { maxLength: 5 }), (done, prices) => {
        const rows = savingsRows(done, table(prices.map((over) => price(over))));
        const sum = (items: readonly { paidNanos: bigint; inputTokens: number }[]): [bigint, number] => [items.reduce((all, { paidNanos }) => all + paidNanos, 0n), items.reduce((all, { inputTokens }) => all + inputTokens, 0)];
        expect(sum(rows)).toEqual(sum(done));
      }),
    );
  });

  it('is told by built-in rows that each have a day, a source and a price', () => {
    expect(builtInPrices.length).toBeGreaterThan(80);
    for (const row of builtInPrices) expect([row, baselinePrice.safeEncode(row).success]).toEqual([row, true]);
    expect(builtInPrices.find(({ provider, model }) => provider === 'OpenAI' && model === 'text-embedding-3-small')).toMatchObject({ inputNanosPerMillion: 20_000_000n, outputNanosPerMillion: null, asOf: '2026-08-21', status: 'secondary' });
  });
});
