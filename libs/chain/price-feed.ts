import { Contract, Interface } from 'ethers';
import type { BlockTag, Provider } from 'ethers';
import { reaching } from './chain-failure.js';

/** The part of Chainlink's AggregatorV3Interface that is read. */
export const priceFeedInterface = new Interface([
  'function decimals() view returns (uint8)',
  'function description() view returns (string)',
  'function latestRoundData() view returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)',
]);

export interface FeedAnswer {
  readonly description: string;
  readonly decimals: number;
  readonly round: bigint;
  /** With `decimals` places; a broken feed may answer zero or less. */
  readonly answer: bigint;
  /** Unix seconds; 0: the round is not complete. */
  readonly updatedAt: bigint;
}

/** What a price feed answers at a block. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED (it is no feed). */
export function readPriceFeed(address: string, provider: Provider, blockTag: BlockTag): Promise<FeedAnswer> {
  const contract = new Contract(address, priceFeedInterface, provider);
  const read = (name: string): Promise<unknown> => contract.getFunction(name).staticCall({ blockTag }) as Promise<unknown>;
  return reaching(async () => {
    const [decimals, description, data] = [(await read('decimals')) as bigint, (await read('description')) as string, (await read('latestRoundData')) as { roundId: bigint; answer: bigint; updatedAt: bigint }];
    return { description, decimals: Number(decimals), round: data.roundId, answer: data.answer, updatedAt: data.updatedAt };
  });
}
