import { Contract, Interface } from 'ethers';
import type { BlockTag, Provider } from 'ethers';
import { testDollarAbi } from '#protocol';
import { reaching } from './chain-failure.js';

export const tokenInterface = new Interface(testDollarAbi);

/** Reads of an ERC-20. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
export class Token {
  private readonly contract: Contract;

  constructor(
    readonly address: string,
    provider: Provider,
  ) {
    this.contract = new Contract(address, tokenInterface, provider);
  }

  decimals(): Promise<number> {
    return reaching(async () => Number(await this.contract.getFunction('decimals').staticCall()));
  }

  /** In base units. */
  balanceOf(account: string, blockTag: BlockTag = 'latest'): Promise<bigint> {
    return reaching(async () => (await this.contract.getFunction('balanceOf').staticCall(account, { blockTag })) as bigint);
  }
}

/** Call data of the token's transactions. `mint` is the test dollar's own. */
export const tokenCalls = {
  approve: (spender: string, amount: bigint): string => tokenInterface.encodeFunctionData('approve', [spender, amount]),
  mint: (to: string, amount: bigint): string => tokenInterface.encodeFunctionData('mint', [to, amount]),
} as const;
