import { describe, expect, it } from '@jest/globals';
import { beyondGas, spentAfter } from './gas-budget.js';

const limits = { SETTLEMENT_GAS_WEI_PER_DAY: 1_000n, X402_GAS_PERCENT: 25 };
const none = { allWei: 0n, x402Wei: 0n };

describe('the gas of a day', () => {
  it('is left for who is paid when buyers without an account have used up their share', () => {
    let spent = none;
    while (beyondGas('x402', spent, 10n, limits) === null) spent = spentAfter(spent, 'x402', 10n);
    expect(spent).toEqual({ allWei: 250n, x402Wei: 250n });
    expect(beyondGas('x402', spent, 1n, limits)).toContain('X402_GAS_PERCENT');
    expect(beyondGas('settle', spent, 750n, limits)).toBeNull();
    expect(beyondGas('register', spent, 750n, limits)).toBeNull();
    expect(beyondGas('settle', spent, 751n, limits)).toContain('SETTLEMENT_GAS_WEI_PER_DAY');
  });

  it('is all for who is paid when nobody buys, and buyers get none of what is used up', () => {
    expect(beyondGas('settle', none, 1_000n, limits)).toBeNull();
    expect(beyondGas('x402', spentAfter(none, 'settle', 995n), 6n, limits)).toContain('SETTLEMENT_GAS_WEI_PER_DAY');
    expect(beyondGas('x402', none, 1n, { ...limits, X402_GAS_PERCENT: 0 })).toContain('X402_GAS_PERCENT');
  });
});
