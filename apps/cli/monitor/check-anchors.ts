import { consistencyProof, consistencySubtrees, fromHex, Malformed, sha256, verifyConsistency, type Checkpoint } from '#merkle';
import type { Anchor } from '../verify/chain-view.js';
import { Alarm } from './alarm.js';
import { hashesOf } from './follow-log.js';
import type { LogSource } from './log-source.js';

/**
 * Whether roots on the chain are of the log whose checkpoint was found right. Gives those of more entries than it shows: it may be about to.
 * Errors: {@link Alarm} `anchor`, `withheld`; unreachable.
 */
export async function checkAnchors(log: LogSource, anchors: readonly Anchor[], shown: Checkpoint): Promise<Anchor[]> {
  for (const anchor of anchors.filter(({ size }) => size <= shown.size)) {
    if (!(await holds(log, anchor, shown))) {
      throw new Alarm('anchor', `${anchor.payer} anchored in ${anchor.tx} a root of ${anchor.size} entries that is not this log's: it was shown another one`);
    }
  }
  return anchors.filter(({ size }) => size > shown.size);
}

async function holds(log: LogSource, anchor: Anchor, { size, root }: Checkpoint): Promise<boolean> {
  const hashAt = await hashesOf(log, consistencySubtrees(anchor.size, size), size);
  try {
    const proof = consistencyProof(sha256, anchor.size, size, hashAt);
    return verifyConsistency(sha256, { oldSize: anchor.size, oldRoot: fromHex(anchor.root), size, root, proof });
  } catch (error) {
    if (error instanceof Malformed) throw new Alarm('withheld', error.message);
    throw error;
  }
}
