import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { meterNames } from '#kernel';
import { SystemClock, SystemIds } from '#kernel';
import type { CostLine } from '#protocol';
import { decimal, focusColumns, focusHeader, focusRows } from './focus.js';

const ids = new SystemIds(new SystemClock());
const tenant = ids.uuid();
const line = (over: Partial<CostLine> = {}): CostLine => ({
  dayMs: Date.parse('2026-12-31'),
  project: ids.uuid(),
  projectName: 'mail',
  tenantName: 'Rhein Bank',
  keyId: null,
  model: 'm',
  endpoint: 'embeddings',
  offer: ids.uuid(),
  node: ids.uuid(),
  nodeName: 'Frankfurt',
  priceVersion: ids.uuid(),
  priceHash: 'a'.repeat(64),
  tags: ['cost:team=red', 'cost:pilot'],
  meter: 'input_tokens',
  quantity: 12,
  priceNanos: 1_500_000n,
  amountNanos: 19n,
  invoice: null,
  ...over,
});

/** Cells by column, read as RFC 4180 has them. */
function parse(csv: string): Record<string, string>[] {
  const rows: string[][] = [[]];
  for (let at = 0; at < csv.length; ) {
    const [whole, quoted, plain, end] = /^(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/.exec(csv.slice(at))!;
    rows.at(-1)!.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    if (end === '\r\n') rows.push([]);
    at += whole.length;
  }
  const [names, ...data] = rows.slice(0, -1);
  return data.map((cells) => Object.fromEntries(names!.map((name, index) => [name, cells[index]!])));
}
const written = (...lines: CostLine[]) => parse(focusHeader + focusRows({ tenant, provider: 'Mizan' }, lines, () => ({ region: 'eu-central-1' })));

const mandatory = 'BilledCost BillingAccountId BillingAccountName BillingCurrency BillingPeriodEnd BillingPeriodStart ChargeCategory ChargeClass ChargeDescription ChargePeriodEnd ChargePeriodStart ContractedCost EffectiveCost InvoiceIssuer ListCost PricingQuantity PricingUnit Provider Publisher ServiceCategory ServiceName'.split(' ');
const conditional = 'BillingAccountType ConsumedQuantity ConsumedUnit ContractedUnitPrice ListUnitPrice PricingCategory PricingCurrency PricingCurrencyContractedUnitPrice PricingCurrencyEffectiveCost PricingCurrencyListUnitPrice RegionId RegionName ResourceId ResourceName ResourceType SkuId SkuMeter SkuPriceId SkuPriceDetails SubAccountId SubAccountName SubAccountType Tags'.split(' ');
const recommended = 'AvailabilityZone ChargeFrequency InvoiceId ServiceSubcategory'.split(' ');
const nullable = new Set(['BillingAccountName', 'ChargeClass', 'ChargeDescription', 'PricingQuantity', 'PricingUnit']);

describe('a FOCUS file', () => {
  it('has every mandatory column once, own columns last, and a value where none may be missing', () => {
    expect(focusColumns.slice(0, -3)).toEqual([...mandatory, ...conditional, ...recommended].sort());
    expect(focusColumns.slice(-3)).toEqual(['x_ApiKeyId', 'x_Endpoint', 'x_Model']);
    for (const row of written(line(), line({ meter: 'output_tokens' }), line({ meter: 'difference', quantity: 0 }))) for (const name of mandatory) if (!nullable.has(name)) expect([name, row[name]]).not.toEqual([name, '']);
  });

  it('says what was used, at which price, and when, in UTC with an end that is outside', () => {
    expect(written(line())[0]).toMatchObject({
      ...{ BilledCost: '0.000000019', EffectiveCost: '0.000000019', ContractedCost: '0.000000018', ListUnitPrice: '0.0015', PricingQuantity: '0.000012', PricingUnit: '1000000 Tokens', ConsumedQuantity: '12' },
      ...{ ChargePeriodStart: '2026-12-31T00:00:00Z', ChargePeriodEnd: '2027-01-01T00:00:00Z', BillingPeriodStart: '2026-12-01T00:00:00Z', BillingPeriodEnd: '2027-01-01T00:00:00Z' },
      ...{ ChargeCategory: 'Usage', ChargeClass: '', InvoiceId: '', Tags: '{"team":"red","pilot":true}', RegionId: 'eu-central-1', SubAccountName: 'mail', BillingAccountId: tenant },
    });
    expect(written(line({ meter: 'difference', quantity: 0, amountNanos: -5n }))[0]).toMatchObject({ ChargeCategory: 'Adjustment', BilledCost: '-0.000000005', ContractedCost: '-0.000000005', PricingQuantity: '', SkuId: '' });
  });

  it.each([
    ['images', 3, 40_000_000n, { ConsumedQuantity: '3', ConsumedUnit: 'Images', PricingQuantity: '3', PricingUnit: 'Images', ListUnitPrice: '0.04', ContractedCost: '0.12' }],
    ['audio_ms', 1_500, 100_000n, { ConsumedQuantity: '1.5', ConsumedUnit: 'Seconds', PricingQuantity: '1.5', PricingUnit: 'Seconds', ListUnitPrice: '0.0001', ContractedCost: '0.00015' }],
    ['gpu_ms', 10, 7n, { ConsumedQuantity: '0.01', ConsumedUnit: 'GPU-Seconds', PricingUnit: 'GPU-Seconds', ContractedCost: '0.00000000007' }],
    ['obh_milli', 2_500, 10_000_000n, { ConsumedQuantity: '2.5', PricingUnit: 'OBh', ContractedCost: '0.025' }],
    ['frames', 12, 5n, { ConsumedUnit: 'Frames', PricingQuantity: '12' }],
    ['cached_tokens', 2_000_000, 500_000n, { ConsumedQuantity: '2000000', ConsumedUnit: 'Tokens', PricingQuantity: '2', PricingUnit: '1000000 Tokens', SkuMeter: 'Cached Input Tokens' }],
    ['requests', 4, 700n, { ConsumedUnit: 'Requests', PricingQuantity: '4', PricingUnit: 'Requests', ContractedCost: '0.0000028' }],
  ] as const)('counts %s in a unit of its own', (meter, quantity, priceNanos, expected) => {
    expect(written(line({ meter, quantity, priceNanos }))[0]).toMatchObject({ ChargeCategory: 'Usage', ...expected });
  });

  it('names the meter of each SKU and price by a suffix, which the documentation explains', () => {
    const documentation = readFileSync('docs/operations.md', 'utf8');
    for (const meter of meterNames) {
      const usage = line({ meter });
      const { SkuId, SkuPriceId, SkuMeter, ConsumedUnit, PricingUnit } = written(usage)[0]!;
      expect([SkuId, SkuPriceId]).toEqual([`${usage.offer!}:${meter}`, `${usage.priceVersion!}:${meter}`]);
      expect(documentation).toContain(`| \`${meter}\` | ${SkuMeter!} | ${ConsumedUnit!} | ${PricingUnit!} |`);
    }
  });

  it('keeps what it has no name for in the sum', () => {
    expect(written(line({ meter: 'other', quantity: 0, priceNanos: 0n, amountNanos: 7n }))[0]).toMatchObject({ ChargeCategory: 'Adjustment', BilledCost: '0.000000007', ContractedCost: '0.000000007', PricingQuantity: '', SkuId: '' });
  });

  it('is in the currency of the invoice once there is one, prices in dollars beside it', () => {
    const billed = { currency: 'EUR', nanosPerUsd: 923_456_789n } as const;
    expect(written(line({ invoice: 'MZE-2026-00001', issuer: 'Mizan Europe GmbH', billed }))[0]).toMatchObject({
      ...{ BillingCurrency: 'EUR', BilledCost: '0.000000017545678991', ContractedUnitPrice: '0.0013851851835', ContractedCost: '0.000000016622222202', InvoiceIssuer: 'Mizan Europe GmbH', Provider: 'Mizan' },
      ...{ PricingCurrency: 'USD', PricingCurrencyContractedUnitPrice: '0.0015', PricingCurrencyEffectiveCost: '0.000000019' },
    });
    const beside = (meter: 'tax' | 'rounding' | 'credit_note', model: string, endpoint: string, amounts: object) =>
      written(line({ meter, model, endpoint, project: null, offer: null, node: null, nodeName: null, priceVersion: null, priceHash: null, tags: [], quantity: 0, priceNanos: 0n, amountNanos: 0n, billed: { ...billed, ...amounts } }))[0];
    const own = { PricingQuantity: '', PricingCurrency: 'EUR', SkuId: '', ResourceId: '', ChargeFrequency: 'One-Time', Publisher: 'Mizan' };
    expect(beside('tax', 'VAT', '', { nanos: 1_900_000_000n })).toMatchObject({ ...own, ChargeCategory: 'Tax', ChargeClass: '', BilledCost: '1.9', PricingCurrencyEffectiveCost: '1.9', ChargeDescription: 'VAT' });
    expect(beside('tax', 'VAT', 'MZE-2026-00001', { nanos: -190_000_000n })).toMatchObject({ ...own, ChargeCategory: 'Tax', ChargeClass: 'Correction', BilledCost: '-0.19' });
    expect(beside('credit_note', 'MZE-2026-00001', 'Wrong price', { nanos: -1_000_000_000n })).toMatchObject({ ...own, ChargeCategory: 'Credit', ChargeClass: 'Correction', BilledCost: '-1', ChargeDescription: 'Credited of MZE-2026-00001: Wrong price' });
    expect(beside('rounding', 'Rounding', '', { nanos: 10_000_000n, lessUsdNanos: 3n })).toMatchObject({ ...own, ChargeCategory: 'Adjustment', BilledCost: '0.009999997229629633' });
  });

  it('puts late usage into the billing period of its invoice, and calls what puts an issued invoice right a correction of it', () => {
    const period = { periodFromMs: Date.parse('2027-01-01'), periodToMs: Date.parse('2027-01-20T10:00:00.001Z') };
    expect(written(line({ invoice: 'MZE-2027-00001', billed: { currency: 'USD', nanosPerUsd: 1_000_000_000n, ...period } }))[0]).toMatchObject({
      ...{ ChargePeriodStart: '2026-12-31T00:00:00Z', BillingPeriodStart: '2027-01-01T00:00:00Z', BillingPeriodEnd: '2027-01-20T10:00:01Z', ChargeClass: '', ChargeCategory: 'Usage' },
    });
    for (const meter of ['correction', 'credit'] as const) {
      expect(written(line({ meter, quantity: 0, amountNanos: -5n, corrects: 'MZE-2026-00001' }), line({ meter, quantity: 0, amountNanos: -5n }), line({ meter, quantity: 0, amountNanos: -5n, corrects: null })).map(({ ChargeClass }) => ChargeClass)).toEqual(['Correction', '', '']);
    }
  });

  it('names the invoice that a line is in', () => {
    expect(written(line({ invoice: 'MZE-2026-00001' }))[0]).toMatchObject({ InvoiceId: 'MZE-2026-00001' });
  });

  it('keeps quantity × unit price equal to the contracted cost, exactly, whatever they are', () => {
    const scaled = (text: string, places: number): bigint => {
      const [whole, fraction = ''] = text.split('.');
      return BigInt(whole! + fraction.padEnd(places, '0'));
    };
    fc.assert(
      fc.property(fc.constantFrom(...meterNames), fc.nat(2 ** 31 - 1), fc.bigInt({ min: 0n, max: 10n ** 15n }), (meter, quantity, priceNanos) => {
        const [row] = written(line({ meter, quantity, priceNanos }));
        expect(scaled(row!['PricingQuantity']!, 6) * scaled(row!['ContractedUnitPrice']!, 9)).toBe(scaled(row!['ContractedCost']!, 15));
      }),
      { seed: 20_260_101, numRuns: 200 },
    );
  });

  it('takes any name and tag as text: quoted, and never as a formula', () => {
    const [row] = written(line({ projectName: 'a "b", c\r\nd', nodeName: '=SUM(A1)', tenantName: '-lead', tags: ['cost:a=b=c'] }));
    expect(row).toMatchObject({ SubAccountName: 'a "b", c\r\nd', ResourceName: "'=SUM(A1)", BillingAccountName: "'-lead", Tags: '{"a":"b=c"}' });
  });

  it('writes decimals exactly', () => {
    expect([decimal(0n, 9), decimal(1n, 9), decimal(-1_500_000_000n, 9), decimal(9_223_372_036_854_775_807n, 9)]).toEqual(['0', '0.000000001', '-1.5', '9223372036.854775807']);
  });
});
