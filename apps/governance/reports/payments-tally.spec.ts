import { describe, expect, it } from '@jest/globals';
import { PaymentsTally } from './payments-tally.js';

const id = (n: number): string => `018f0000-0000-7000-8000-${String(n).padStart(12, '0')}`;

describe('payments of a month', () => {
  it('are told in their own currency, to the hundredth, whatever their size', () => {
    const tally = new PaymentsTally();
    const huge = '9007199254740993';
    expect(tally.take({ id: id(1), type: 'invoice.issued', timeMs: 1 }, { number: 'A-1', kind: 'invoice', currency: 'EUR', netMinor: '100', taxMinor: '19', grossMinor: '119' })).toBe(true);
    tally.take({ id: id(2), type: 'invoice.issued', timeMs: 2 }, { number: 'A-2', kind: 'invoice', currency: 'USD', netMinor: huge, taxMinor: '0', grossMinor: huge });
    tally.take({ id: id(3), type: 'invoice.issued', timeMs: 3 }, { number: 'N-1', kind: 'credit_note', currency: 'EUR', netMinor: '10', taxMinor: '2', grossMinor: '12' });
    tally.take({ id: id(4), type: 'payment.noted', timeMs: 4 }, { invoice: id(1), amountMinor: '100', reference: 'SEPA' });
    tally.take({ id: id(5), type: 'payment.reversed', timeMs: 5 }, { invoice: id(1), amountMinor: '100', reference: 'SEPA' });
    tally.take({ id: id(6), type: 'payment.noted', timeMs: 6 }, { invoice: id(9), amountMinor: '5', reference: null });
    tally.take({ id: id(10), type: 'payment.noted', timeMs: 6 }, { invoice: id(9), source: 'chain', currency: 'USD', amountMinor: '7', reference: null });
    tally.take({ id: id(7), type: 'refund.changed', timeMs: 7 }, { currency: 'USD', state: 'paid', amountMinor: '3', reference: 'back' });
    tally.take({ id: id(8), type: 'refund.changed', timeMs: 8 }, { currency: 'USD', state: 'voided', amountMinor: '4', reference: null });
    tally.charge('USD', 9_007_199_254_740_993n);
    expect(tally.take({ id: id(9), type: 'refused', timeMs: 9 }, {})).toBe(false);
    const told = tally.told();
    expect(told.charges).toEqual([{ currency: 'USD', chargeNanos: huge }]);
    expect(told.totals).toEqual([
      { currency: 'EUR', invoicedMinor: '119', creditedMinor: '12', taxMinor: '17', paidMinor: '100', reversedMinor: '100', refundedMinor: '0' },
      { currency: 'USD', invoicedMinor: huge, creditedMinor: '0', taxMinor: '0', paidMinor: '7', reversedMinor: '0', refundedMinor: '3' },
      { currency: 'unknown', invoicedMinor: '0', creditedMinor: '0', taxMinor: '0', paidMinor: '5', reversedMinor: '0', refundedMinor: '0' },
    ]);
    expect(told.moves!.map(({ currency }) => currency)).toEqual(['EUR', 'EUR', null, 'USD', 'USD', 'USD']);
  });
});
