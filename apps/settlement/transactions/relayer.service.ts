import { Inject, Injectable, Logger } from '@nestjs/common';
import { Clock, isDomainError } from '#kernel';
import { replacementFees } from '#chain';
import { SERVICE_CONFIG } from '#service';
import { ChainLink, gasLimitOf } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { SenderLock } from './sender-lock.js';
import type { Attempt, OutboxTransaction } from './transaction.js';
import { TransactionStore } from './transaction.store.js';

/** Bytes without a receipt are sent again after this long: a node may have dropped them. */
export const resendMs = 3_000;
/** Bytes without a receipt are replaced by dearer ones after this long: five blocks of twelve seconds. */
export const replaceMs = 60_000;

/**
 * Takes each transaction of the outbox one step further: planned → signed → broadcast → mined → final. Signed bytes are
 * stored before they are sent, so a process that dies anywhere leaves a successor that sends the same bytes.
 */
@Injectable()
export class Relayer {
  private readonly logger = new Logger(Relayer.name);

  constructor(
    private readonly chain: ChainLink,
    private readonly store: TransactionStore,
    private readonly lock: SenderLock,
    private readonly clock: Clock,
    @Inject(SERVICE_CONFIG) private readonly limits: Pick<SettlementConfig, 'SETTLEMENT_FEE_GWEI_MAX' | 'SETTLEMENT_GAS_WEI_PER_DAY'>,
  ) {}

  private get feeMax(): bigint {
    return BigInt(this.limits.SETTLEMENT_FEE_GWEI_MAX) * 1_000_000_000n;
  }

  /** One round over all open transactions; does nothing while another process holds the sender. Error: CHAIN_UNAVAILABLE. */
  async round(): Promise<void> {
    await this.lock.ifFree(this.chain, async () => {
      for (const transaction of await this.store.open(this.chain)) await this.step(transaction);
    });
  }

  private step(transaction: OutboxTransaction): Promise<void> {
    switch (transaction.state) {
      case 'planned':
        return this.sign(transaction);
      case 'signed':
        return this.resend(transaction, transaction.attempts.at(-1)!);
      case 'broadcast':
        return this.look(transaction);
      case 'mined':
        return this.confirm(transaction);
      case 'final':
      case 'failed':
        return Promise.resolve();
    }
  }

  /** A call that would fail now takes no nonce, and one that costs too much waits without one. */
  private async sign(transaction: OutboxTransaction): Promise<void> {
    const { target, data } = transaction;
    let gasLimit: bigint;
    try {
      gasLimit = await this.chain.gasLimit(target, data);
    } catch (error) {
      if (!isDomainError(error, 'CHAIN_REJECTED')) throw error;
      this.logger.warn(`${transaction.purpose} ${transaction.subject}: ${error.message}`);
      const { revert } = error.details;
      return this.store.failed(transaction, typeof revert === 'string' ? revert : error.message);
    }
    const nonce = Math.max(await this.store.nextNonce(this.chain), await this.chain.nonce('latest'));
    const fees = await this.chain.fees();
    if (fees.maxFeePerGas > this.feeMax) return this.wait(transaction, `gas costs ${fees.maxFeePerGas} wei a unit, above SETTLEMENT_FEE_GWEI_MAX`);
    const bytes = await this.chain.sign({ target, data, nonce, gasLimit, fees });
    const spentWei = await this.store.spentWei(this.chain);
    if (spentWei + bytes.costWeiMax > this.limits.SETTLEMENT_GAS_WEI_PER_DAY) {
      return this.wait(transaction, `gas of the last 24 hours is ${spentWei} wei, and this may cost ${bytes.costWeiMax}: above SETTLEMENT_GAS_WEI_PER_DAY`);
    }
    if ((await this.chain.balance()) < bytes.costWeiMax) return this.wait(transaction, `the relayer ${this.chain.sender} has too few coins for the gas: send it some`);
    await this.store.signed(transaction, nonce, bytes);
    await this.send({ ...transaction, state: 'signed', nonce }, bytes);
  }

  /** Stays planned; said once until the reason changes its kind. */
  private async wait(transaction: OutboxTransaction, reason: string): Promise<void> {
    if (kindOf(transaction.error) !== kindOf(reason)) this.logger.warn(`${transaction.purpose} ${transaction.subject} waits: ${reason}`);
    await this.store.waits(transaction, reason);
  }

  private async send(transaction: OutboxTransaction, attempt: Pick<Attempt, 'raw' | 'hash'>): Promise<void> {
    const answer = await this.chain.broadcast(attempt.raw);
    const refusal = answer.outcome === 'refused' ? answer.message : null;
    if (refusal !== null) this.logger.warn(`${transaction.purpose} ${transaction.subject}: the node refused nonce ${transaction.nonce}: ${refusal}`);
    await this.store.sent(transaction, attempt.hash, refusal);
  }

  /** Which of the bytes under this nonce was mined? If none: dropped, slow, or the nonce is somebody else's. */
  private async look(transaction: OutboxTransaction): Promise<void> {
    const usedNonces = await this.chain.nonce('finalized');
    for (const { hash } of transaction.attempts) {
      const receipt = await this.chain.receipt(hash);
      if (receipt) return this.store.mined(transaction, { tx: hash, blockHash: receipt.blockHash, blockNumber: receipt.blockNumber, costWei: receipt.gasUsed * receipt.gasPrice });
    }
    if (usedNonces > transaction.nonce!) {
      this.logger.error(`nonce ${transaction.nonce} of ${this.chain.sender} was used by a transaction that is not ours: the relayer's key is in use elsewhere`);
      return this.store.failed(transaction, 'the nonce was used by a foreign transaction');
    }
    const last = transaction.attempts.at(-1)!;
    if (last.sentAtMs !== null && this.silentMs(last) >= replaceMs) return this.replace(transaction, last);
    return this.resend(transaction, last);
  }

  /** The same bytes; not sooner than {@link resendMs} after the last time. */
  private async resend(transaction: OutboxTransaction, last: Attempt): Promise<void> {
    if (this.silentMs(last) >= resendMs) await this.send(transaction, last);
  }

  private silentMs({ sentAtMs }: Attempt): number {
    return sentAtMs === null ? Infinity : this.clock.nowMs() - sentAtMs;
  }

  private async replace(transaction: OutboxTransaction, last: Attempt): Promise<void> {
    const fees = replacementFees(last.fees, await this.chain.fees(), this.feeMax);
    if (fees === null) return this.send(transaction, last);
    const { target, data } = transaction;
    const bytes = await this.chain.sign({ target, data, nonce: transaction.nonce!, gasLimit: gasLimitOf(last.raw), fees });
    await this.store.replaced(transaction, bytes);
    await this.send(transaction, bytes);
  }

  private async confirm(transaction: OutboxTransaction): Promise<void> {
    const finalized = await this.chain.finalized();
    const receipt = await this.chain.receipt(transaction.minedTx!);
    if (receipt?.blockHash !== transaction.minedBlockHash) {
      this.logger.warn(`${transaction.minedTx} was reorganised away; sending it again`);
      await this.store.reorganised(transaction);
      return this.send({ ...transaction, state: 'broadcast' }, transaction.attempts.at(-1)!);
    }
    if (receipt.blockNumber > finalized.number) return;
    if (receipt.status === 1) return this.store.final(transaction);
    await this.store.failed(transaction, 'the transaction reverted');
  }
}

/** Without its figures. */
const kindOf = (reason: string | null): string => (reason ?? '').replaceAll(/\d+/g, '#');
