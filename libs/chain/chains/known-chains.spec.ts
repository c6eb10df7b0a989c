import { describe, expect, it } from '@jest/globals';
import { getAddress } from 'ethers';
import { chainNamed, feesUnder, knownChains, legacyFees, legacyFeesUnder, rulesOf } from '#chain';
import type { ChainRules } from '#chain';

const chains: readonly ChainRules[] = knownChains;

/** Name, id, coin, finality and dollar token, from the chains' and the token issuer's own lists. */
const expected = [
  ['ethereum', 1, 'ETH', 'tag', '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48'],
  ['base', 8453, 'ETH', 'tag', '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913'],
  ['arbitrum', 42161, 'ETH', 'tag', '0xaf88d065e77c8cC2239327C5EDb3A432268e5831'],
  ['world-chain', 480, 'ETH', 'tag', '0x79A02482A880bCE3F13e09Da970dC34db4CD24d1'],
  ['polygon', 137, 'POL', 'tag', '0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359'],
  ['aurora', 1313161554, 'ETH', 5, '0xB12BFcA5A55806AaF64E99521918A4bf0fC40802'],
  ['aioz', 168, 'AIOZ', 10, null],
  ['bittensor', 964, 'TAO', 75, null],
  ['local', 31337, 'ETH', 'tag', null],
];

describe('the table of chains', () => {
  it('has the ids, coins, finality and dollars of the chains', () => {
    const found = chains.map(({ name, id, coin, finality, tokens }) => [name, Number(id), coin, finality.by === 'tag' ? 'tag' : finality.blocks, tokens[0]?.address ?? null]);
    expect(found).toEqual(expected);
  });

  it('has addresses with a right checksum, and dollars of six decimals', () => {
    for (const { address, decimals } of chains.flatMap(({ tokens }) => tokens)) expect({ address, decimals }).toEqual({ address: getAddress(address), decimals: 6 });
  });

  it('says what is not confirmed of every chain without a token or with a depth', () => {
    for (const { finality, tokens, unconfirmed, local } of chains) if (!local && (tokens.length === 0 || finality.by === 'depth')) expect(unconfirmed).not.toEqual([]);
  });

  it('finds a chain by name and by id, and knows nothing of others but caution', () => {
    expect(chainNamed('Base')?.id).toBe(8453n);
    expect(chainNamed('137')?.name).toBe('polygon');
    expect(chainNamed('8')).toBeNull();
    expect(rulesOf(42_161n).name).toBe('arbitrum');
    expect(rulesOf(5n)).toMatchObject({ name: 'chain-5', tokens: [], local: false, finality: { by: 'tag' } });
  });

  it('keeps fees at or above what a chain’s nodes take', () => {
    expect(feesUnder(rulesOf(1n).fees, 10n, 3n)).toEqual({ maxFeePerGas: 23n, maxPriorityFeePerGas: 3n });
    expect(feesUnder(rulesOf(137n).fees, 10n, 3n)).toEqual({ maxFeePerGas: 25_000_000_020n, maxPriorityFeePerGas: 25_000_000_000n });
    expect(feesUnder(rulesOf(168n).fees, 10n, 3n)).toEqual({ maxFeePerGas: 7_000_000_000n, maxPriorityFeePerGas: 3n });
    expect([137n, 168n, 1n].map((id) => legacyFeesUnder(rulesOf(id).fees, 10n))).toEqual([legacyFees(25_000_000_000n), legacyFees(7_000_000_000n), legacyFees(10n)]);
  });
});
