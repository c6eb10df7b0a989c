import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compareWallet } from './compare-wallet.js';
import type { ComparedWallet } from './compare-wallet.js';
import { wholeUnits } from './wallet.js';

const address = `0x${'a'.repeat(40)}`;
const wallet: ComparedWallet = {
  address, tenant: null, block: 9, held: 41n, opening: 1n, net: 40n, sales: 30n, others: 15n, sent: 5n, open: 0n, saleUnits: 30n, otherUnits: 10n, carry: 0n, kept: 0n, gone: [],
  unpaid: { units: 0n, count: 0, first: [] },
};
const books = [{ address, saleUnits: 30n, otherUnits: 10n, heldUnits: 44n, movedUnits: 44n }];
const kinds = (over: Partial<ComparedWallet>, others: Partial<(typeof books)[0]> = {}): string[] => compareWallet({ ...wallet, ...over }, [{ ...books[0]!, ...others }]).map(({ kind }) => kind);

describe('comparing a wallet where sales are paid', () => {
  it('finds nothing where balance, transfers, sales and books agree', () => {
    expect(kinds({})).toEqual([]);
  });

  it('finds one unit on whichever side it is', () => {
    expect(kinds({ held: 40n })).toEqual(['wallet_not_events']);
    expect(kinds({ opening: 0n })).toEqual(['wallet_not_events']);
    expect(kinds({ saleUnits: 31n })).toEqual(['wallet_not_ledger']);
    expect(kinds({ carry: 1n })).toEqual(['wallet_not_ledger']);
    expect(kinds({}, { saleUnits: 29n })).toEqual(['wallet_not_ledger']);
    expect(kinds({}, { otherUnits: 11n })).toEqual(['wallet_not_ledger']);
    expect(kinds({}, { heldUnits: 45n })).toEqual(['wallet_not_ledger']);
    expect(kinds({ gone: ['7 base units 0x1 (0x2)'] })).toEqual(['finality_broken']);
    expect(compareWallet(wallet, [])).toMatchObject([{ kind: 'wallet_not_ledger', subject: address }]);
  });

  it('names a sale that is booked and was not paid, and asks it of the books all the same', () => {
    const unpaid = { units: 4n, count: 1, first: ['ab'] };
    expect(kinds({ unpaid }, { saleUnits: 34n, heldUnits: 48n, movedUnits: 48n })).toEqual(['wallet_not_sales']);
    expect(kinds({ unpaid })).toEqual(['wallet_not_sales', 'wallet_not_ledger']);
  });

  it('loses no base unit, however transfers are cut into whole units', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 12n }), fc.array(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n })), (unit, amounts) => {
        let [carry, units] = [0n, 0n];
        for (const amount of amounts) {
          const whole = wholeUnits(amount, carry, unit);
          [carry, units] = [whole.carry, units + whole.units];
          expect(carry >= 0n && carry < unit).toBe(true);
        }
        expect(units * unit + carry).toBe(amounts.reduce((sum, amount) => sum + amount, 0n));
      }),
      { seed: 7, numRuns: 300 },
    );
  });
});
