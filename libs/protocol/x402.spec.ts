import { describe, expect, it } from '@jest/globals';
import { paymentRequirements } from './x402.js';

const wanted = { scheme: 'exact', network: 'eip155:1', amount: '1', asset: `0x${'a'.repeat(40)}`, payTo: `0x${'b'.repeat(40)}`, maxTimeoutSeconds: 60 };
const takes = (amount: unknown): boolean => paymentRequirements.safeParse({ ...wanted, amount }).success;

describe('an amount of x402', () => {
  it('is what a uint256 holds, as digits, and nothing else', () => {
    const most = 2n ** 256n - 1n;
    expect(['0', '1', most.toString()].map(takes)).toEqual([true, true, true]);
    expect([(most + 1n).toString(), '9'.repeat(78), '9'.repeat(79), '-1', '1.5', '0x1', '', 1, null].map(takes)).toEqual(Array.from({ length: 9 }, () => false));
  });
});
