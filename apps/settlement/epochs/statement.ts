import { assert } from '#kernel';
import { listHash, packList } from '#chain';
import type { Credit, EpochStatement, PayerState } from '#chain';
import { failure } from '#protocol';
import type { ConversionRate } from '#protocol';

export interface DrawnPayee {
  /** As billing names it. */
  readonly payee: string;
  readonly units: bigint;
  readonly cumulativeUnits: bigint;
}

/** What billing drew for one statement: totals per payee, in units of the escrow. */
export interface Draw {
  readonly id: string;
  readonly tenant: string;
  /** EIP-55. */
  readonly payer: string;
  readonly payees: readonly DrawnPayee[];
  readonly totalUnits: bigint;
  readonly cumulativeTotalUnits: bigint;
  /** At which billing drew it; null: before there were rates. */
  readonly rate: ConversionRate | null;
  /** It takes all that the deposit holds, or that the payer's delegate may credit at a time: more may be due. */
  readonly isCapped?: boolean;
}

/** The escrow at a final block. */
export interface FinalView {
  readonly payer: PayerState;
  readonly registryHash: string;
  /** Index by EIP-55 address, for every payee of the draw. */
  readonly indices: ReadonlyMap<string, number>;
  /** The payer's cumulative total by index. */
  readonly credits: ReadonlyMap<number, bigint>;
}

export interface AuditHead {
  /** 0x-hex. */
  readonly root: string;
  readonly size: number;
}

export interface SignableStatement {
  readonly statement: EpochStatement;
  readonly list: string;
}

/** What makes it the escrow's: the signature, and the delegate (EIP-55) whose it is; null: the payer's own. */
export interface StatementSignature {
  readonly signature: string;
  readonly delegate: string | null;
}

/** A statement may land for a week: longer than any outage of a chain, and then it is signed anew. */
export const statementSeconds = 7n * 24n * 3_600n;

/**
 * The statement that pays a draw, over the escrow's final state; null if the escrow holds the draw's totals already (it landed).
 * `lastEpoch` is the highest number this service ever signed for the payer. Errors: DEPOSIT_INSUFFICIENT; LEDGER_UNBALANCED when
 * chain and books differ.
 */
export function statementFor(draw: Draw, view: FinalView, audit: AuditHead, lastEpoch: bigint, nowMs: number): SignableStatement | null {
  // A checksum costs a hash: a hundred thousand payees would be seconds of it.
  const indices = new Map([...view.indices].map(([address, index]) => [address.toLowerCase(), index]));
  const credits = draw.payees.map(({ payee, cumulativeUnits }): Credit => {
    const index = indices.get(payee.toLowerCase());
    assert(index !== undefined, `payee ${payee} has an index`);
    return { index, cumulative: cumulativeUnits };
  });
  const rise = credits.reduce((sum, { index, cumulative }) => sum + cumulative - (view.credits.get(index) ?? 0n), 0n);
  const totalRise = draw.cumulativeTotalUnits - view.payer.cumulativeTotal;
  const onChain = (at: number): bigint => view.credits.get(credits[at]!.index) ?? 0n;
  if (totalRise === 0n && draw.totalUnits > 0n && credits.every(({ cumulative }, at) => cumulative === onChain(at))) return null;
  const agreed = draw.payees.every(({ units, cumulativeUnits }, at) => units >= 0n && onChain(at) + units === cumulativeUnits);
  if (!agreed || rise !== totalRise || rise !== draw.totalUnits) {
    throw failure('LEDGER_UNBALANCED', `statement ${draw.id}: the books and the escrow disagree on what payer ${draw.payer} has credited`, {
      drawn: draw.totalUnits.toString(),
      rise: rise.toString(),
      totalRise: totalRise.toString(),
    });
  }
  if (rise > view.payer.available) {
    throw failure('DEPOSIT_INSUFFICIENT', `the deposit of ${draw.payer} holds ${view.payer.available} units and ${rise} are due: deposit more`, {
      availableUnits: view.payer.available.toString(),
      dueUnits: rise.toString(),
    });
  }
  const list = packList(credits);
  const epoch = (lastEpoch > view.payer.epoch ? lastEpoch : view.payer.epoch) + 1n;
  const statement: EpochStatement = {
    payer: draw.payer,
    epoch,
    listHash: listHash(list),
    cumulativeTotal: draw.cumulativeTotalUnits,
    registryHash: view.registryHash,
    auditRoot: audit.root,
    auditSize: BigInt(audit.size),
    validUntil: BigInt(Math.floor(nowMs / 1_000)) + statementSeconds,
  };
  return { statement, list };
}
