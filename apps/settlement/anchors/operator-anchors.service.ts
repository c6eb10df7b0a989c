import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { failure } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { TransactionStore } from '../transactions/transaction.store.js';
import { anchorStep } from './anchor.js';
import type { OperatorAnchor } from './anchor.js';
import { AnchorStore } from './anchor.store.js';
import { EmptyStatements } from './empty-statements.service.js';

/**
 * Anchors the log in the operator's own name, whether or not anybody owes anything: between two anchors a history could be rewritten, and
 * without business there would be none. The anchors are statements of a payer who credits nobody.
 */
@Injectable()
export class OperatorAnchors {
  private readonly payer: string | undefined;
  private readonly everyMs: number;

  constructor(
    @Inject(SERVICE_CONFIG) config: Pick<SettlementConfig, 'SETTLEMENT_ANCHOR_PAYER' | 'SETTLEMENT_ANCHOR_MS'>,
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly empties: EmptyStatements,
    private readonly anchors: AnchorStore,
    private readonly transactions: TransactionStore,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {
    this.payer = config.SETTLEMENT_ANCHOR_PAYER;
    this.everyMs = config.SETTLEMENT_ANCHOR_MS;
  }

  /** Signs an anchor if one is due and hands it to the relayer. Errors: CONFLICT (no key), DELEGATE_UNUSABLE, DELEGATE_LIMITED, CHAIN_UNAVAILABLE, SERVICE_UNAVAILABLE (no log, no keeper of the key). */
  async round(): Promise<void> {
    if (this.payer === undefined) return;
    const payer = this.payer;
    const last = await withTenant(this.dataSource, '*', (manager) => this.anchors.newest(manager, payer));
    const step = anchorStep(last, this.clock.nowMs(), this.everyMs);
    if (step !== 'wait') await this.sign(payer, step === 'again' ? last : null, last?.lastEpoch ?? 0n);
  }

  private async sign(payer: string, failed: OperatorAnchor | null, lastEpoch: bigint): Promise<void> {
    const nowMs = this.clock.nowMs();
    const { statement, data } = await this.empties.sign(payer, lastEpoch);
    const id = failed?.id ?? this.ids.uuid();
    const call = { purpose: 'settle' as const, subject: id, target: this.chain.escrow.address, data };
    await withTenant(this.dataSource, '*', async (manager) => {
      const transaction = await this.transactions.plan(manager, this.chain, call);
      if (transaction === null) return;
      const kept = failed === null ? await this.anchors.begin(manager, id, statement, transaction, nowMs) : await this.anchors.again(manager, failed, statement, transaction, nowMs);
      if (!kept) throw failure('CONFLICT', 'another process has signed the anchor meanwhile');
    });
  }
}
