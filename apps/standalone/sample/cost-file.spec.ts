import { describe, expect, it } from '@jest/globals';
import { readCosts } from './cost-file.js';

const cost = 'PricingCurrencyEffectiveCost';
const lines = [
  `AvailabilityZone,${cost},Name,PricingCurrency,SubAccountId,Tags`,
  ',0.000000019,"a, ""b""",USD,p,"{""team"":""red""}"',
  ',1.5,x,USD,q,{}',
  ',-0.5,x,USD,p,{}',
  // Tax of an invoice is in the invoice's currency.
  ',0.19,VAT,EUR,p,{}',
  '',
];
const csv = lines.join('\r\n');

describe('the cost file of the sample', () => {
  it('is read by the names of its columns, quoted or not, and what is priced adds up exactly', () => {
    expect(readCosts(csv, 'p')).toEqual({ rows: 2, billedNanos: -499_999_981n });
    expect(readCosts(csv, 'r')).toEqual({ rows: 0, billedNanos: 0n });
  });

  it('is refused without the column that says what it costs', () => {
    expect(() => readCosts(csv.replace(cost, 'Cost'), 'p')).toThrow(new RegExp(`no column ${cost}`));
  });
});
