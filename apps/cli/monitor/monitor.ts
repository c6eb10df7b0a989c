import { isOperatorsOwn, openCheckpoint, Malformed, verifySignature, type Checkpoint, type VerifierKey } from '#merkle';
import type { Anchor } from '../verify/chain-view.js';
import { Alarm } from './alarm.js';
import { checkAnchors } from './check-anchors.js';
import { checkTiles, followLog } from './follow-log.js';
import type { LogSource } from './log-source.js';
import type { Memory } from './memory.js';

export interface FoundAnchors {
  readonly anchors: readonly Anchor[];
  /** When the newest of them was made, in Unix milliseconds; none: undefined. */
  readonly newestMs: number | undefined;
  /** The block after the last one looked at. */
  readonly nextBlock: number;
}

/** Where roots are anchored. */
export interface Anchors {
  /** Those from a block on. */
  since(block: number): Promise<FoundAnchors>;
}

export interface MonitorParts {
  readonly log: LogSource;
  readonly logKey: VerifierKey;
  readonly witnesses: readonly VerifierKey[];
  /** How many of them must have cosigned; the operator's own count for none. */
  readonly quorum: number;
  readonly anchors: Anchors | undefined;
  /** How long no root may be put on the chain. */
  readonly anchorWithinMs: number | undefined;
  /** How long a log may show less than it did (another server's copy), or than is on the chain, or a checkpoint that too few have cosigned yet. */
  readonly patienceMs: number;
  /** Between two looks meanwhile. */
  readonly pauseMs: number;
  readonly nowMs: () => number;
  /** Unix milliseconds, for what others date. */
  readonly wallMs: () => number;
}

/** A round in which all was right. */
export interface Round {
  readonly memory: Memory;
  readonly size: number;
  /** Entries since the round before. */
  readonly added: number;
  readonly witnessedBy: readonly string[];
  /** Anchors that were found to be this log's. */
  readonly anchors: number;
}

/**
 * One look at a log: its signature, every new entry's bytes up to the signed root, its tiles, and every new anchor on the chain.
 * Errors: {@link Alarm}; what keeps it from looking.
 */
export async function monitorRound(parts: MonitorParts, memory: Memory): Promise<Round> {
  const untilMs = parts.nowMs() + parts.patienceMs;
  // Before the checkpoint: whatever is anchored then, the log had already.
  const found = (await parts.anchors?.since(memory.nextBlock)) ?? { anchors: [], newestMs: undefined, nextBlock: memory.nextBlock };
  const needed = Math.max(memory.edge.size, ...found.anchors.map(({ size }) => size));
  for (;;) {
    const note = await parts.log.checkpoint();
    const shown = opened(parts, note);
    const isWitnessed = shown.witnessedBy.length >= parts.quorum;
    if ((shown.size < needed || !isWitnessed) && parts.nowMs() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(parts.pauseMs, untilMs - parts.nowMs())));
      continue;
    }
    if (!isWitnessed) throw new Alarm('unwitnessed', `${shown.witnessedBy.length} of ${parts.quorum} witnesses have cosigned the checkpoint of ${shown.size} entries`, note);
    return await withEvidence(note, async () => {
      const edge = await followLog(parts.log, memory.edge, shown);
      await checkTiles(parts.log, shown);
      const ahead = await checkAnchors(parts.log, found.anchors, shown);
      if (ahead[0]) throw new Alarm('anchor', `${ahead[0].tx} anchors ${ahead[0].size} entries and the log shows ${shown.size}: the rest is gone`);
      const anchoredMs = anchoredInTime(parts, found, memory);
      const next: Memory = { ...memory, note, edge, nextBlock: found.nextBlock, anchoredMs };
      return { memory: next, size: shown.size, added: shown.size - memory.edge.size, witnessedBy: shown.witnessedBy.map(({ name }) => name), anchors: found.anchors.length };
    });
  }
}

/** When a root was put on the chain last; of a log of which none was, when that was looked for first. Error: {@link Alarm} `unanchored`. */
function anchoredInTime({ anchors, anchorWithinMs, wallMs }: MonitorParts, { newestMs }: FoundAnchors, { anchoredMs }: Memory): number | undefined {
  if (anchors === undefined) return anchoredMs;
  const lastMs = Math.max(newestMs ?? -Infinity, anchoredMs ?? (newestMs === undefined ? wallMs() : -Infinity));
  if (anchorWithinMs !== undefined && wallMs() - lastMs > anchorWithinMs) throw new Alarm('unanchored', `no root of the log was put on the chain since ${new Date(lastMs).toISOString()}, and one was to come within ${anchorWithinMs / 1_000} seconds`);
  return lastMs;
}

function opened({ logKey, witnesses }: MonitorParts, note: string): Checkpoint & { witnessedBy: readonly VerifierKey[] } {
  try {
    const opened = openCheckpoint(note, logKey, verifySignature, witnesses);
    // The operator's own says nothing that the log's signature does not.
    return { ...opened, witnessedBy: opened.witnessedBy.filter((key) => !isOperatorsOwn(key, logKey)) };
  } catch (error) {
    if (error instanceof Malformed) throw new Alarm('bad-signature', error.message, note);
    throw error;
  }
}

async function withEvidence<T>(note: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Alarm) throw new Alarm(error.kind, error.message, note);
    if (error instanceof Malformed) throw new Alarm('withheld', error.message, note);
    throw error;
  }
}
