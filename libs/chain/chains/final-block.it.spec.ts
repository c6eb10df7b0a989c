import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JsonRpcProvider } from 'ethers';
import { connect, finalBlock, requireChain } from '#chain';
import { mine, startAnvil } from '#testing';
import type { Anvil } from '#testing';

describe('a chain’s own rules on a real node', () => {
  let anvil: Anvil;
  let provider: JsonRpcProvider;

  beforeAll(async () => {
    anvil = await startAnvil({ chainId: 1_313_161_554n });
    provider = connect(anvil.rpcUrl, 1_313_161_554n);
  });

  afterAll(async () => {
    provider.destroy();
    await anvil.stop();
  });

  it('call a block final so many blocks below the newest, and no block before there are as many', async () => {
    await expect(finalBlock(provider, { by: 'depth', blocks: 5 })).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
    await mine(anvil.rpcUrl, 12);
    expect((await finalBlock(provider, { by: 'depth', blocks: 5 })).number).toBe(7);
    expect((await finalBlock(provider, { by: 'depth', blocks: 12 })).number).toBe(0);
  });

  it('call a block final by the node’s own tag', async () => {
    expect((await finalBlock(provider, { by: 'tag', aboutMs: 1 })).number).toBe((await provider.getBlock('finalized'))!.number);
  });

  it('refuse a node of another chain', async () => {
    await expect(requireChain(provider, 1_313_161_554n)).resolves.toBeUndefined();
    await expect(requireChain(provider, 8453n)).rejects.toMatchObject({ code: 'CHAIN_REJECTED', details: { answered: '1313161554', expected: '8453' } });
  });
});
