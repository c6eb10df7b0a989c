import type { JsonRpcApiProvider } from 'ethers';
import { isMethodMissing } from '../chain-failure.js';

/** The tip that the chain's nodes suggest, in wei a unit of gas. Of nodes without `eth_maxPriorityFeePerGas`, what their gas price is above the base fee. */
export async function suggestedTip(provider: JsonRpcApiProvider, baseFeePerGas: bigint): Promise<bigint> {
  try {
    return BigInt((await provider.send('eth_maxPriorityFeePerGas', [])) as string);
  } catch (error) {
    if (!isMethodMissing(error)) throw error;
  }
  const gasPrice = await suggestedGasPrice(provider);
  return gasPrice > baseFeePerGas ? gasPrice - baseFeePerGas : 0n;
}

/** What the chain's nodes ask for a unit of gas, base fee and tip together, in wei. */
export async function suggestedGasPrice(provider: JsonRpcApiProvider): Promise<bigint> {
  return BigInt((await provider.send('eth_gasPrice', [])) as string);
}
