import type { Block, Provider } from 'ethers';
import { failure } from '#protocol';
import { reaching } from '../chain-failure.js';
import type { FinalityRule } from './chain-rules.js';

/** The newest block that the chain's rule calls final. Errors: CHAIN_UNAVAILABLE (also while there is none yet), CHAIN_REJECTED. */
export async function finalBlock(provider: Provider, rule: FinalityRule): Promise<Block> {
  const block = await reaching(async () => {
    if (rule.by === 'tag') return provider.getBlock('finalized');
    const head = await provider.getBlock('latest');
    return head === null || head.number < rule.blocks ? null : provider.getBlock(head.number - rule.blocks);
  });
  if (!block?.hash) throw failure('CHAIN_UNAVAILABLE', 'the chain has no final block yet; try again shortly');
  return block;
}
