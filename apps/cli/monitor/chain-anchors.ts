import type { ChainView } from '../verify/chain-view.js';
import type { Anchors, FoundAnchors } from './monitor.js';

/** Blocks that are looked at twice: what a reorganisation may have moved into them. */
const overlapBlocks = 64;

/** The anchors of some payers of an escrow (lower-case addresses), or of all when none is named. */
export function chainAnchors(chain: Pick<ChainView, 'anchors' | 'headBlock' | 'timeOf'>, payers: readonly string[]): Anchors {
  const ours = new Set(payers.map((payer) => payer.toLowerCase()));
  return {
    async since(block): Promise<FoundAnchors> {
      const head = await chain.headBlock();
      const anchors = (await chain.anchors(block)).filter(({ payer }) => ours.size === 0 || ours.has(payer));
      const newest = anchors.at(-1);
      return { anchors, newestMs: newest && (await chain.timeOf(newest.block)), nextBlock: Math.max(block, head + 1 - overlapBlocks) };
    },
  };
}
