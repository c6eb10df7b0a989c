import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dividedHalfUp, minorText, taxOn } from './rounding.js';
import { taxRule } from './tax-rule.js';

const seller = (country: string, vatId: string | null = `${country}1234567`) => ({ country, vatId });
const buyer = (country: string, vatId: string | null = `${country}7654321`, exemption: string | null = null) => ({ country, vatId, exemption });

describe('the tax of an invoice', () => {
  it.each([
    ['at home in Germany', seller('DE'), buyer('DE'), '2026-11-30', 'S', 1_900],
    ['at home in Finland, with a half percent', seller('FI'), buyer('FI'), '2026-11-30', 'S', 2_550],
    ['in another member state, with a VAT number: reverse charge', seller('DE'), buyer('FR', 'FR32123456789'), '2026-11-30', 'AE', 0],
    ['in Greece, whose prefix is EL: reverse charge', seller('DE'), buyer('GR', 'EL123456783'), '2026-11-30', 'AE', 0],
    ['in Belgium, with a number of the new range: reverse charge', seller('DE'), buyer('BE', 'BE1000000021'), '2026-11-30', 'AE', 0],
    ['in Greece, under the prefix that it does not use', seller('DE'), buyer('GR', 'GR123456783'), '2026-11-30', 'S', 2_400],
    ["in another member state, with a number whose checksum is wrong: the buyer's rate", seller('DE'), buyer('FR', 'FR33123456789'), '2026-11-30', 'S', 2_000],
    ["in another member state, with another state's number: the buyer's rate", seller('DE'), buyer('FR', 'DE987654328'), '2026-11-30', 'S', 2_000],
    ["in another member state, without one: the buyer's rate", seller('DE'), buyer('FR', null), '2026-11-30', 'S', 2_000],
    ['outside the Union', seller('DE'), buyer('US', null), '2026-11-30', 'O', 0],
    ['from the Union to Saudi Arabia', seller('DE'), buyer('SA'), '2026-11-30', 'O', 0],
    ['in Saudi Arabia', seller('SA'), buyer('SA'), '2026-11-30', 'S', 1_500],
    ['in Saudi Arabia before its rate was raised', seller('SA'), buyer('SA'), '2020-06-30', 'S', 500],
    ['in Saudi Arabia from the day it was raised', seller('SA'), buyer('SA'), '2020-07-01', 'S', 1_500],
    ['in the Emirates', seller('AE'), buyer('AE'), '2026-11-30', 'S', 500],
    ['exported from the Emirates', seller('AE'), buyer('SA'), '2026-11-30', 'Z', 0],
    ['exported from Saudi Arabia', seller('SA'), buyer('DE'), '2026-11-30', 'Z', 0],
    ['to an exempt buyer at home', seller('DE'), buyer('DE', 'DE1', '§ 4 Nr. 8 UStG'), '2026-11-30', 'E', 0],
    ['of a seller without a VAT number', seller('DE', null), buyer('DE'), '2026-11-30', 'O', 0],
    ['in Slovakia the day before its rate rose', seller('SK'), buyer('SK'), '2024-12-31', 'S', 2_000],
    ['in Slovakia the day its rate rose', seller('SK'), buyer('SK'), '2025-01-01', 'S', 2_300],
    ['of a seller elsewhere', seller('US'), buyer('DE'), '2026-11-30', 'O', 0],
  ] as const)('is right %s', (_name, from, to, day, category, rateBasisPoints) => {
    const rule = taxRule(from, to, day);
    expect(rule).toMatchObject({ category, rateBasisPoints });
    expect(rule.source).not.toBe('');
    expect(rule.reason === null).toBe(category === 'S' || category === 'Z');
  });

  it('says which number kept the reverse charge from applying', () => {
    expect(taxRule(seller('DE'), buyer('FR', 'FR33123456789'), '2026-11-30').source).toMatch(/no reverse charge, as FR33123456789 is no VAT number of FR$/);
  });

  it('is refused for a day of which no rate is known', () => {
    expect(() => taxRule(seller('DE'), buyer('DE'), '1999-01-01')).toThrow(expect.objectContaining({ code: 'INVOICE_IMPOSSIBLE' }));
  });

  it('is rounded half away from zero, once, and never by more than half a hundredth', () => {
    expect([taxOn(50n, 1_900), taxOn(-50n, 1_900), taxOn(2n, 2_500), taxOn(1n, 4_999), minorText(-5n), minorText(123456n)]).toEqual([10n, -10n, 1n, 0n, '-0.05', '1234.56']);
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 18n), 10n ** 18n), fc.bigInt(1n, 10n ** 12n), (value, by) => {
        const error = dividedHalfUp(value, by) * by - value;
        expect((error < 0n ? -error : error) * 2n <= by).toBe(true);
      }),
      { seed: 20_260_101 },
    );
  });
});
