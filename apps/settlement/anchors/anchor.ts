import { assert } from '#kernel';
import { listHash, packList } from '#chain';
import type { EpochStatement, PayerState } from '#chain';
import { statementSeconds } from '../epochs/statement.js';
import type { AuditHead, SignableStatement } from '../epochs/statement.js';

/** An anchor that the operator put, or is putting, on the chain as a payer who owes nothing. */
export interface OperatorAnchor {
  readonly id: string;
  /** EIP-55. */
  readonly payer: string;
  readonly epoch: number;
  /** The highest that was signed for it: above `epoch` when an earlier form has landed. */
  readonly lastEpoch: bigint;
  /** 0x-hex. */
  readonly auditRoot: string;
  readonly auditSize: number;
  readonly cumulativeTotalUnits: bigint;
  readonly transaction: string;
  /** No transaction carries it any more. */
  readonly hasFailed: boolean;
  /** Null until the chain's own event is final. */
  readonly settledTx: string | null;
  /** When it was signed last. */
  readonly signedAtMs: number;
}

/** What to do now: a new anchor, the open one once more with the head of today, or nothing. */
export type AnchorStep = 'begin' | 'again' | 'wait';

/**
 * `last` is the newest anchor. One that is on its way is not doubled, however long the chain takes: the relayer sees to it; only what has failed
 * is signed again. The time counts from the signing, so that slow finality does not make the anchors rarer.
 */
export function anchorStep(last: OperatorAnchor | null, nowMs: number, everyMs: number): AnchorStep {
  if (last === null) return 'begin';
  if (last.settledTx === null) return last.hasFailed ? 'again' : 'wait';
  return nowMs - last.signedAtMs >= everyMs ? 'begin' : 'wait';
}

/** A statement that credits nobody. `lastEpoch` is the highest number ever signed for the payer. Error: AssertionError when the log is shorter than what is anchored. */
export function anchorStatement(payer: string, view: { readonly payer: PayerState; readonly registryHash: string }, audit: AuditHead, lastEpoch: bigint, nowMs: number): SignableStatement {
  assert(BigInt(audit.size) >= view.payer.auditSize, `the log has at least the ${view.payer.auditSize} entries that ${payer} anchored`);
  const list = packList([]);
  const epoch = (lastEpoch > view.payer.epoch ? lastEpoch : view.payer.epoch) + 1n;
  const statement: EpochStatement = {
    payer,
    epoch,
    listHash: listHash(list),
    cumulativeTotal: view.payer.cumulativeTotal,
    registryHash: view.registryHash,
    auditRoot: audit.root,
    auditSize: BigInt(audit.size),
    validUntil: BigInt(Math.floor(nowMs / 1_000)) + statementSeconds,
  };
  return { statement, list };
}
