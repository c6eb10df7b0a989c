import type { Anchor, ChainView } from '../verify/chain-view.js';
import type { Anchors } from './monitor.js';

/** Blocks that are looked at twice: what a reorganisation may have moved into them. */
const overlapBlocks = 64;

/** The anchors of some payers of an escrow (lower-case addresses), or of all when none is named. */
export function chainAnchors(chain: Pick<ChainView, 'anchors' | 'headBlock'>, payers: readonly string[]): Anchors {
  const ours = new Set(payers.map((payer) => payer.toLowerCase()));
  return {
    async since(block): Promise<{ anchors: readonly Anchor[]; nextBlock: number }> {
      const head = await chain.headBlock();
      const anchors = await chain.anchors(block);
      return { anchors: anchors.filter(({ payer }) => ours.size === 0 || ours.has(payer)), nextBlock: Math.max(block, head + 1 - overlapBlocks) };
    },
  };
}
