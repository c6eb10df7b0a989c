import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { getAddress } from 'ethers';
import { chooseWay } from './choose-way.js';
import type { PayableAsset, WayLimits } from './choose-way.js';
import { nanosOf } from './purchase.js';

const [token, other, payee] = ['aa', 'bb', 'cc'].map((byte) => getAddress(`0x${byte.padStart(40, '0')}`)) as [string, string, string];
const usdc: PayableAsset = { decimals: 6, eip3009: true, permit2: { exact: true, upto: true } };
const limits = (change: Partial<WayLimits> = {}, asset: Partial<PayableAsset> = {}): WayLimits => ({
  network: 'eip155:8453',
  assets: new Map([[token, { ...usdc, ...asset }]]),
  isPayee: (address) => address === payee,
  most: { nanos: 1_000_000n, by: 'the limit for one request' },
  ...change,
});
const exact = { scheme: 'exact', network: 'eip155:8453', amount: '1000', asset: token, payTo: payee, maxTimeoutSeconds: 60, extra: { name: 'USD Coin', version: '2' } };
const permit = { ...exact, extra: { assetTransferMethod: 'permit2' } };
const upto = { ...exact, scheme: 'upto', extra: { facilitatorAddress: other } };

describe('the way to pay', () => {
  it('is upto where that can be, then an authorisation, then Permit2; the cheaper of two alike', () => {
    expect(chooseWay([permit, exact, upto], limits())).toMatchObject({ wanted: { scheme: 'upto' }, verbatim: upto, method: 'permit2' });
    expect(chooseWay([permit, exact, { ...exact, amount: '900' }], limits())).toMatchObject({ method: 'eip3009', nanos: 900_000n });
    expect(chooseWay([permit, exact], limits({}, { eip3009: false }))).toMatchObject({ verbatim: permit });
  });

  it('is one within the limits among others that are not', () => {
    const strange = { scheme: 'exact', network: 'solana:mainnet', amount: '1', asset: 'So111', payTo: 'x', maxTimeoutSeconds: 1 };
    expect(chooseWay([strange, null, { ...exact, asset: other, amount: '1' }, exact], limits())).toMatchObject({ verbatim: exact });
  });

  it('is none where each has something against it, which is said', () => {
    const ways = [{ ...exact, amount: '1001' }, { ...exact, payTo: other }, { ...exact, network: 'eip155:1' }, { ...exact, scheme: 'batch-settlement' }, { ...exact, extra: {} }];
    expect(chooseWay(ways, limits())).toEqual({ refused: expect.stringMatching(/above the \$0\.001 of.*paid by before.*eip155:1.*batch-settlement.*name and version/) });
    expect(chooseWay([upto], limits({}, { permit2: { exact: true, upto: false } }))).toEqual({ refused: expect.stringMatching(/has not approved/) });
    expect(chooseWay([{ ...exact, payTo: `0x${'Ab'.repeat(20)}` }], limits())).toEqual({ refused: expect.stringMatching(/paid by before/) });
  });

  it('never costs more than the most, in any token', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 30n), fc.integer({ min: 0, max: 18 }), fc.bigInt(0n, 10n ** 20n), (units, decimals, nanos) => {
        const chosen = chooseWay([{ ...exact, amount: units.toString() }], limits({ most: { nanos, by: 'it' } }, { decimals }));
        const costs = units * 10n ** 9n;
        if ('refused' in chosen) expect(costs > nanos * 10n ** BigInt(decimals)).toBe(true);
        else expect(nanosOf(units, decimals) <= nanos && costs <= nanos * 10n ** BigInt(decimals)).toBe(true);
      }),
    );
  });
});
