import { Inject, Injectable } from '@nestjs/common';
import type { PayerSignerState } from '#protocol';
import { SERVICE_CONFIG } from '#service';
import type { SettlementConfig } from '../config.js';
import { Delegates } from './delegates.service.js';
import type { KnownDelegation } from './delegates.service.js';
import { standingAt } from './delegation.js';
import { PayerKeys } from './payer-keys.js';

/** Shows who signs for whom, and what the chain lets delegates do. */
@Injectable()
export class PayerSigners {
  constructor(
    @Inject(SERVICE_CONFIG) private readonly config: Pick<SettlementConfig, 'SETTLEMENT_ANCHOR_PAYER'>,
    private readonly keys: PayerKeys,
    private readonly delegates: Delegates,
  ) {}

  /** Of these payers (EIP-55); of everybody's (`all`), also of the one that anchors the log. */
  list(payers: readonly string[], all: boolean): PayerSignerState[] {
    const anchor = all && this.config.SETTLEMENT_ANCHOR_PAYER !== undefined ? [this.config.SETTLEMENT_ANCHOR_PAYER] : [];
    return [...new Set([...payers, ...anchor])].map((payer) => {
      const signer = this.keys.signerOf(payer);
      const known = this.delegates.of(payer);
      return { payer, kind: signer === null ? 'none' : signer.isDelegate ? 'delegate' : 'owner', signer: signer?.address ?? null, delegate: known && toWire(known) };
    });
  }
}

const msOf = (seconds: bigint): number => Number(seconds) * 1_000;

function toWire(known: KnownDelegation): NonNullable<PayerSignerState['delegate']> {
  const { times, limits, problem, block, sinceBlock } = known;
  const standing = standingAt(known);
  return {
    standing,
    problem,
    liveFromMs: times.liveFrom === 0n ? null : msOf(times.liveFrom),
    liveUntilMs: standing === 'revoked' || standing === 'ended' ? msOf(times.liveUntil) : null,
    epochCapUnits: limits.epochCap,
    minIntervalSeconds: Number(limits.minInterval),
    next: limits.nextAt === 0n ? null : { epochCapUnits: limits.nextCap, minIntervalSeconds: Number(limits.nextMinInterval), atMs: msOf(limits.nextAt) },
    lastStatementAtMs: limits.lastAt === 0n ? null : msOf(limits.lastAt),
    block,
    sinceBlock,
  };
}
