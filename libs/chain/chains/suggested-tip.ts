import type { JsonRpcApiProvider } from 'ethers';
import { isMethodMissing } from '../chain-failure.js';

/** The tip that the chain's nodes suggest, in wei a unit of gas. Of nodes without `eth_maxPriorityFeePerGas`, what their gas price is above the base fee. */
export async function suggestedTip(provider: JsonRpcApiProvider, baseFeePerGas: bigint): Promise<bigint> {
  try {
    return BigInt((await provider.send('eth_maxPriorityFeePerGas', [])) as string);
  } catch (error) {
    if (!isMethodMissing(error)) throw error;
  }
  const gasPrice = BigInt((await provider.send('eth_gasPrice', [])) as string);
  return gasPrice > baseFeePerGas ? gasPrice - baseFeePerGas : 0n;
}
