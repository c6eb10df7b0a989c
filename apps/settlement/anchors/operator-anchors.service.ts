import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, Ids } from '#kernel';
import { escrowCalls, statementDigest } from '#chain';
import { Caller } from '#messaging';
import { failure, governanceCalls } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { PayerKeys } from '../payers/payer-keys.js';
import { TransactionStore } from '../transactions/transaction.store.js';
import { anchorStatement, anchorStep } from './anchor.js';
import type { OperatorAnchor } from './anchor.js';
import { AnchorStore } from './anchor.store.js';

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
    @Inject(Caller) private readonly caller: Pick<Caller, 'call'>,
    private readonly chain: ChainLink,
    private readonly keys: PayerKeys,
    private readonly anchors: AnchorStore,
    private readonly transactions: TransactionStore,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {
    this.payer = config.SETTLEMENT_ANCHOR_PAYER;
    this.everyMs = config.SETTLEMENT_ANCHOR_MS;
  }

  /** Signs an anchor if one is due and hands it to the relayer. Errors: CONFLICT (no key), CHAIN_UNAVAILABLE, SERVICE_UNAVAILABLE (no log, no keeper of the key). */
  async round(): Promise<void> {
    if (this.payer === undefined) return;
    const payer = this.payer;
    const last = await withTenant(this.dataSource, '*', (manager) => this.anchors.newest(manager, payer));
    const step = anchorStep(last, this.clock.nowMs(), this.everyMs);
    if (step !== 'wait') await this.sign(payer, step === 'again' ? last : null, BigInt(last?.epoch ?? 0));
  }

  private async sign(payer: string, failed: OperatorAnchor | null, lastEpoch: bigint): Promise<void> {
    const { number } = await this.chain.finalized();
    const { escrow } = this.chain;
    const view = { payer: await escrow.payer(payer, number), registryHash: (await escrow.registry(number)).hash };
    const { root, size } = await this.caller.call(governanceCalls.checkpoint, {});
    const nowMs = this.clock.nowMs();
    const { statement, list } = anchorStatement(payer, view, { root: `0x${root}`, size }, lastEpoch, nowMs);
    const domain = { chainId: this.chain.chainId, escrow: escrow.address };
    const { serialized: signature } = await this.keys.sign(payer, statementDigest(statement, domain));
    const id = failed?.id ?? this.ids.uuid();
    const call = { purpose: 'settle' as const, subject: id, target: escrow.address, data: escrowCalls.settle(statement, list, signature) };
    await withTenant(this.dataSource, '*', async (manager) => {
      const transaction = await this.transactions.plan(manager, this.chain, call);
      if (transaction === null) return;
      const kept = failed === null ? await this.anchors.begin(manager, id, statement, transaction, nowMs) : await this.anchors.again(manager, failed, statement, transaction, nowMs);
      if (!kept) throw failure('CONFLICT', 'another process has signed the anchor meanwhile');
    });
  }
}
