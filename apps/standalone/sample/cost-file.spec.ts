import { describe, expect, it } from '@jest/globals';
import { readCosts } from './cost-file.js';

const csv = ['AvailabilityZone,BilledCost,Name,SubAccountId,Tags', ',0.000000019,"a, ""b""",p,"{""team"":""red""}"', ',1.5,x,q,{}', ',-0.5,x,p,{}', ''].join('\r\n');

describe('the cost file of the sample', () => {
  it('is read by the names of its columns, quoted or not, and adds up exactly', () => {
    expect(readCosts(csv, 'p')).toEqual({ rows: 2, billedNanos: -499_999_981n });
    expect(readCosts(csv, 'r')).toEqual({ rows: 0, billedNanos: 0n });
  });

  it('is refused without the column that says what was billed', () => {
    expect(() => readCosts(csv.replace('BilledCost', 'Cost'), 'p')).toThrow(/no column BilledCost/);
  });
});
