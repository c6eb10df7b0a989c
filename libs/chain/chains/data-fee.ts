import { Interface } from 'ethers';
import type { Provider, TransactionReceipt } from 'ethers';
import { failure } from '#protocol';
import { reaching } from '../chain-failure.js';
import type { FeeRules } from './chain-rules.js';

/** Where rollups of the OP stack say what a transaction's data costs on their parent chain. */
export const gasPriceOracle = '0x420000000000000000000000000000000000000F';
const oracle = new Interface(['function getL1Fee(bytes data) view returns (uint256)']);

/** The parent chain's base fee rises at most 12.5 % a block: good for six of them, 72 seconds. */
const headroom = 2n;

/** The most that signed bytes cost for their data, beside gas, in wei. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED (no such oracle). */
export async function dataFeeMax(provider: Provider, { dataFee }: Pick<FeeRules, 'dataFee'>, raw: string): Promise<bigint> {
  if (dataFee !== 'op-stack') return 0n;
  const answer = await reaching(() => provider.call({ to: gasPriceOracle, data: oracle.encodeFunctionData('getL1Fee', [raw]) }));
  if (answer === '0x') throw failure('CHAIN_REJECTED', `no gas price oracle stands at ${gasPriceOracle}: this is not the chain that its rules are of`);
  return headroom * (oracle.decodeFunctionResult('getL1Fee', answer)[0] as bigint);
}

/** What a mined transaction cost, its data included, in wei. Error: CHAIN_UNAVAILABLE. */
export async function costOf(provider: Provider & { send(method: string, params: unknown[]): Promise<unknown> }, { dataFee }: Pick<FeeRules, 'dataFee'>, { hash, gasUsed, gasPrice }: Pick<TransactionReceipt, 'hash' | 'gasUsed' | 'gasPrice'>): Promise<bigint> {
  const gas = gasUsed * gasPrice;
  if (dataFee !== 'op-stack') return gas;
  const said = (await reaching(() => provider.send('eth_getTransactionReceipt', [hash]))) as { l1Fee?: unknown } | null;
  return typeof said?.l1Fee === 'string' && /^0x[0-9a-f]{1,64}$/i.test(said.l1Fee) ? gas + BigInt(said.l1Fee) : gas;
}
