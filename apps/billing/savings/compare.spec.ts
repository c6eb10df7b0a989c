import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { machineMeters } from '#kernel';
import { baselinePrice, meterPrice } from '#protocol';
import type { BaselinePrice, BaselineTable, MeterPrice } from '#protocol';
import { builtInMeterPrices, builtInPrices } from './built-in-prices.js';
import { savingsRows, savingsTotals } from './compare.js';
import type { DayOfWork } from './compare.js';

const price = (over: Partial<BaselinePrice> = {}): BaselinePrice => ({ provider: 'Cloud', model: 'big', region: 'eu', inputNanosPerMillion: 1_000_000n, outputNanosPerMillion: 2_000_000n, asOf: '2026-01-01', validFrom: null, validTo: null, status: 'primary', source: 'its page', ...over });
const table = (prices: BaselinePrice[], over: Partial<BaselineTable> = {}): BaselineTable => ({ prices, models: [{ model: 'm', provider: 'Cloud', baseline: 'big', region: 'eu', isSame: true, note: 'the same weights' }], coin: null, ...over });
const work = (over: Partial<DayOfWork> = {}): DayOfWork => ({ model: 'm', day: '2026-06-01', requests: 1, inputTokens: 1_000_000, outputTokens: 1_000_000, paidNanos: 2_500_000n, meters: [], otherNanos: 0n, ...over });
/** A model of sound or images: no token passes. */
const media = (over: Partial<DayOfWork> = {}): DayOfWork => work({ inputTokens: 0, outputTokens: 0, paidNanos: 0n, ...over });
const meterRow = (over: Partial<MeterPrice> = {}): MeterPrice => ({ provider: 'Cloud', model: 'big', region: 'eu', meter: 'images', nanos: 40_000_000n, per: 1, asOf: '2026-01-01', validFrom: null, validTo: null, status: 'primary', source: 'its page', ...over });
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
    expect(rows.map(({ verdict, note }) => [verdict, note])).toEqual([['no_baseline', 'no comparison: no row of the table is named for this model'], ['no_baseline', 'no comparison: the table holds no price of tokens of Cloud big in eu on 2025-01-01']]);
    expect(savingsRows([work()], table([price({ outputNanosPerMillion: null })]))[0]).toMatchObject({ verdict: 'no_baseline', baselineNanos: null });
    expect(savingsRows([work({ outputTokens: 0 })], table([price({ outputNanosPerMillion: null })]))[0]).toMatchObject({ baselineNanos: 1_000_000n });
    expect(savingsTotals(rows, noGas, null)).toMatchObject({ paidNanos: 0n, baselineNanos: 0n, verdict: 'no_baseline' });
  });

  it('says so where work is set against another model, or is in neither sum', () => {
    const other = table([price()], { models: [{ model: 'm', provider: 'Cloud', baseline: 'big', region: 'eu', isSame: false, note: 'a larger one' }] });
    const { caveats } = savingsTotals(savingsRows([work(), work({ model: 'x' })], other), noGas, null);
    expect(caveats.join(' ')).toMatch(/in neither sum.*no like for like/);
  });

  it('sets each meter against the price of the same kind of work, by whatever amount that price is for', () => {
    const meters = [{ meter: 'images', quantity: 2, paidNanos: 70_000_000n }, { meter: 'gpu_ms', quantity: 1_000, paidNanos: 2_000_000n }, { meter: 'cached_tokens', quantity: 500_000, paidNanos: 1n }] as const;
    // 6.88 dollars an hour are 1,911,111.1 nanos a second: rounded once, for the whole of it.
    const priced = table([price()], { meterPrices: [meterRow(), meterRow({ meter: 'gpu_ms', nanos: 6_880_000_000n, per: 3_600_000 }), meterRow({ meter: 'cached_tokens', nanos: 300_000n, per: 1_000_000 })] });
    const rows = savingsRows([work({ meters }), work({ day: '2026-06-02', meters: [{ meter: 'gpu_ms', quantity: 17_000, paidNanos: 3n }] })], priced);
    expect(rows.map(({ meter, quantity, paidNanos, baselineNanos, verdict }) => [meter, quantity, paidNanos, baselineNanos, verdict])).toEqual([
      [undefined, undefined, 5_000_000n, 6_000_000n, 'cheaper'],
      ['images', 2, 70_000_000n, 80_000_000n, 'cheaper'],
      ['gpu_ms', 18_000, 2_000_003n, 34_400_000n, 'cheaper'],
      ['cached_tokens', 500_000, 1n, 150_000n, 'cheaper'],
    ]);
    expect(rows.reduce((sum, { requests }) => sum + requests, 0)).toBe(2);
    expect(savingsTotals(rows, noGas, null)).toMatchObject({ paidNanos: 77_000_004n, baselineNanos: 120_550_000n, uncomparedNanos: 0n, verdict: 'cheaper' });
  });

  it('compares no work that the table has no price of: it is in neither sum, and named with its amount', () => {
    const sound = { meter: 'audio_ms', quantity: 90_000, paidNanos: 900_000_000n } as const;
    const rows = savingsRows([work({ meters: [sound] }), media({ model: 'whisper', meters: [sound], otherNanos: 7n })], table([price()], { meterPrices: [meterRow()] }));
    expect(rows).toMatchObject([
      { model: 'm', paidNanos: 2_500_000n, baselineNanos: 3_000_000n, verdict: 'cheaper' },
      { model: 'm', meter: 'audio_ms', quantity: 90_000, paidNanos: 900_000_000n, baselineNanos: null, verdict: 'no_baseline', note: 'no comparison: the table holds no price of audio of Cloud big in eu on 2026-06-01' },
      { model: 'whisper', meter: 'audio_ms', requests: 1, paidNanos: 900_000_007n, verdict: 'no_baseline', note: 'no comparison: no row of the table is named for this model' },
    ]);
    const totals = savingsTotals(rows, noGas, null);
    expect(totals).toMatchObject({ paidNanos: 2_500_000n, baselineNanos: 3_000_000n, uncomparedNanos: 1_800_000_007n, verdict: 'cheaper' });
    expect(totals.caveats[1]).toBe('No comparison: 180000 milliseconds of audio, for 1.800000007 USD. Without a price in the table that work is in neither sum.');
  });

  it('sets a meter against the row that is named for it, else against that of the model', () => {
    const models = [{ model: 'm', provider: 'Cloud', baseline: 'big', region: 'eu', isSame: true, note: 'the same' }, { model: 'm', meter: 'gpu_ms', provider: 'AWS', baseline: 'H100', region: 'us-east-1', isSame: false, note: 'another machine' }] as const;
    const meterPrices = [meterRow({ meter: 'gpu_ms', nanos: 1n }), meterRow({ meter: 'gpu_ms', provider: 'AWS', model: 'H100', region: 'us-east-1', nanos: 2n }), meterRow()];
    const day = media({ meters: [{ meter: 'gpu_ms', quantity: 5, paidNanos: 11n }, { meter: 'images', quantity: 1, paidNanos: 0n }] });
    expect(savingsRows([day], table([], { models: [...models], meterPrices })).map(({ meterBaseline, baselineNanos, isSame }) => [meterBaseline?.provider, baselineNanos, isSame])).toEqual([['AWS', 10n, false], ['Cloud', 40_000_000n, true]]);
  });

  it('bears fees with what is compared of a day, so that they never leave the sum that they make dearer', () => {
    const day = work({ inputTokens: 1, outputTokens: 1, paidNanos: 5n, meters: [{ meter: 'images', quantity: 1, paidNanos: 40_000_000n }], otherNanos: 9n });
    const noOutput = table([price({ outputNanosPerMillion: null })], { meterPrices: [meterRow()] });
    expect(savingsRows([day], noOutput)).toMatchObject([{ requests: 0, paidNanos: 5n, verdict: 'no_baseline' }, { meter: 'images', requests: 1, paidNanos: 40_000_009n, baselineNanos: 40_000_000n, verdict: 'dearer' }]);
  });

  it('loses no work, whatever the table says', () => {
    const days = fc.constantFrom('2025-12-31', '2026-01-01', '2026-06-01', '2026-12-31');
    const paid = fc.bigInt({ min: 0n, max: 10n ** 12n });
    const meters = fc.uniqueArray(fc.record({ meter: fc.constantFrom(...machineMeters), quantity: fc.nat(10 ** 6), paidNanos: paid }), { selector: ({ meter }) => meter });
    const works = fc.array(fc.record({ model: fc.constantFrom('m', 'n'), day: days, requests: fc.nat(9), inputTokens: fc.nat(10 ** 6), outputTokens: fc.nat(10 ** 6), paidNanos: paid, meters, otherNanos: fc.bigInt({ min: -(10n ** 6n), max: 10n ** 9n }) }), { maxLength: 30 });
    const priced = fc.record({ asOf: days, validFrom: fc.option(days), validTo: fc.option(days), meter: fc.constantFrom(...machineMeters) });
    fc.assert(
      fc.property(works, fc.array(priced, { maxLength: 8 }), (done, prices) => {
        const rows = savingsRows(done, table(prices.map(({ meter: _meter, ...over }) => price(over)), { meterPrices: prices.map((over) => meterRow(over)) }));
        const sum = (of: readonly bigint[]): bigint => of.reduce((all, one) => all + one, 0n);
        const { paidNanos, uncomparedNanos } = savingsTotals(rows, noGas, null);
        expect(paidNanos + uncomparedNanos!).toBe(sum(done.flatMap((day) => [day.paidNanos, day.otherNanos, ...day.meters.map((one) => one.paidNanos)])));
        const counts = (rows: readonly { requests: number; inputTokens: number }[]): [number, number] => [rows.reduce((all, { requests }) => all + requests, 0), rows.reduce((all, { inputTokens }) => all + inputTokens, 0)];
        expect(counts(rows)).toEqual(counts(done));
        for (const meter of machineMeters) expect(rows.reduce((all, row) => all + (row.meter === meter ? row.quantity! : 0), 0)).toBe(done.flatMap((day) => day.meters).reduce((all, one) => all + (one.meter === meter ? one.quantity : 0), 0));
      }),
      { seed: 20_260_101 },
    );
  });

  it('is told by built-in rows that each have a day, a source and a price', () => {
    expect(builtInPrices.length).toBeGreaterThan(80);
    for (const row of builtInPrices) expect([row, baselinePrice.safeEncode(row).success]).toEqual([row, true]);
    for (const row of builtInMeterPrices) expect([row, meterPrice.safeEncode(row).success]).toEqual([row, true]);
    expect(builtInMeterPrices.find(({ provider, model }) => provider === 'AWS' && model === 'H100 (p5.48xlarge)')).toMatchObject({ meter: 'gpu_ms', nanos: 6_880_000_000n, per: 3_600_000, region: 'us-east-1', asOf: '2026-07-20', status: 'primary' });
    expect(builtInMeterPrices.find(({ model }) => model === 'gpt-5-nano')).toMatchObject({ provider: 'OpenAI', meter: 'cached_tokens', nanos: 5_000_000n, per: 1_000_000 });
    expect(builtInPrices.find(({ provider, model }) => provider === 'OpenAI' && model === 'text-embedding-3-small')).toMatchObject({ inputNanosPerMillion: 20_000_000n, outputNanosPerMillion: null, asOf: '2026-08-21', status: 'secondary' });
  });
});
