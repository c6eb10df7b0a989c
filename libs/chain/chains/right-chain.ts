import type { JsonRpcProvider } from 'ethers';
import { failure } from '#protocol';
import { reaching } from '../chain-failure.js';

/** Refuses an endpoint that is another chain than was asked for. Errors: CHAIN_REJECTED, CHAIN_UNAVAILABLE. */
export async function requireChain(provider: JsonRpcProvider, id: bigint): Promise<void> {
  const answered = BigInt(await reaching(() => provider.send('eth_chainId', []) as Promise<string>));
  if (answered !== id) throw failure('CHAIN_REJECTED', `the endpoint is chain ${answered} and not ${id}: give an endpoint of the right chain`, { answered: answered.toString(), expected: id.toString() });
}
