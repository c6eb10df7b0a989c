import { Inject, Injectable, Logger } from '@nestjs/common';
import type { TransactionReceipt } from 'ethers';
import { Clock, isDomainError } from '#kernel';
import { replacementFees } from '#chain';
import type { Fees } from '#chain';
import { SERVICE_CONFIG } from '#service';
import { ChainLink, gasLimitOf, inBatches } from '../chain/chain-link.js';
import type { BlockRef } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { ForeignUse } from './foreign-use.service.js';
import { beyondGas, spentAfter } from './gas-budget.js';
import type { GasLimits, GasSpent } from './gas-budget.js';
import { SenderLock } from './sender-lock.js';
import type { Attempt, OutboxTransaction } from './transaction.js';
import { TransactionStore } from './transaction.store.js';

/** Bytes without a receipt are sent again after this long: a node may have dropped them. */
export const resendMs = 3_000;
/** Bytes without a receipt are replaced by dearer ones this long after they were sent first: five blocks of twelve seconds. */
export const replaceMs = 60_000;
/** Transactions of one round of which the chain may say nothing clear: each may cost an endpoint's longest silence, five seconds. */
const unclearMax = 3;

/** What the next transaction has to go by; each that is signed changes it. */
interface Standing {
  nonce: number;
  readonly fees: Fees;
  spent: GasSpent;
  balanceWei: bigint;
}

/**
 * Takes each transaction of the outbox one step further: planned → signed → broadcast → mined → final. Signed bytes are
 * stored before they are sent, so a process that dies anywhere leaves a successor that sends the same bytes.
 */
@Injectable()
export class Relayer {
  private readonly logger = new Logger(Relayer.name);
  private wake: (() => void) | undefined;
  private isKicked = false;

  constructor(
    private readonly chain: ChainLink,
    private readonly store: TransactionStore,
    private readonly lock: SenderLock,
    private readonly foreign: ForeignUse,
    private readonly clock: Clock,
    @Inject(SERVICE_CONFIG) private readonly limits: GasLimits & Pick<SettlementConfig, 'SETTLEMENT_FEE_GWEI_MAX'>,
  ) {}

  private get feeMax(): bigint {
    return BigInt(this.limits.SETTLEMENT_FEE_GWEI_MAX) * 1_000_000_000n;
  }

  onKick(listener: () => void): void {
    this.wake = listener;
  }

  /** Something was planned: it need not wait for the time of the next round, nor for all of the one that is under way. */
  kick(): void {
    this.isKicked = true;
    this.wake?.();
  }

  /**
   * One round over all open transactions; does nothing while another process holds the sender. What waits to be sent goes first: a look at what is on its way already can be
   * had later, and is had too when nothing can be sent. Errors: CHAIN_UNAVAILABLE, SERVICE_UNAVAILABLE (no keeper of the key), when the others had their turn.
   */
  async round(): Promise<void> {
    await this.lock.ifFree(this.chain, async () => {
      const unsent: unknown[] = [];
      const unclear: unknown[] = [];
      const underWay = await this.store.open(this.chain, ['broadcast', 'mined']);
      await this.trySending(unsent);
      for (const some of inBatches(underWay)) {
        await this.tolerating(unclear, () => this.watch(some, unclear));
        if (this.isKicked) await this.trySending(unsent);
      }
      const problems = [...unclear, ...unsent];
      if (problems.length > 0) throw problems[0];
    });
  }

  /** A question on which the endpoints do not agree, or a key whose keeper does not answer, is no reason to leave everybody else unpaid. */
  private async tolerating(unclear: unknown[], work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => {
      if (!isUnavailable(error) || unclear.push(error) >= unclearMax) throw error;
    });
  }

  /** What is on its way is looked at whatever keeps the others from being sent. */
  private async trySending(unsent: unknown[]): Promise<void> {
    await this.sendWaiting(unsent).catch((error: unknown) => {
      if (!isUnavailable(error)) throw error;
    });
  }

  /** In the order of the nonces that they have, and then of their planning. */
  private async sendWaiting(unclear: unknown[]): Promise<void> {
    this.isKicked = false;
    const waiting = await this.store.open(this.chain, ['signed', 'planned']);
    for (const transaction of waiting.filter(({ state }) => state === 'signed')) await this.tolerating(unclear, () => this.resume(transaction));
    for (const some of inBatches(waiting.filter(({ state }) => state === 'planned'))) await this.tolerating(unclear, () => this.sendNew(some, unclear));
  }

  /** Whoever sent it may have heard no answer, and it is in a block all the same: then nothing behind it waits for one. */
  private async resume(transaction: OutboxTransaction): Promise<void> {
    const receipt = await this.receiptOf(transaction);
    if (receipt) return this.store.sent(transaction, receipt.hash, null);
    await this.carry(transaction, transaction.attempts.at(-1)!);
  }

  /** All that has to be known before they are signed is asked for at once; then each is signed, kept and sent in its turn. */
  private async sendNew(planned: readonly OutboxTransaction[], unclear: unknown[]): Promise<void> {
    const [standing, gasLimits] = await Promise.all([this.standing(), Promise.allSettled(planned.map(({ target, data }) => this.chain.gasLimit(target, data)))]);
    for (const [at, transaction] of planned.entries()) await this.tolerating(unclear, () => this.sign(transaction, gasLimits[at]!, standing));
  }

  private async standing(): Promise<Standing> {
    const [kept, used, fees, spent, balanceWei] = await Promise.all([this.store.nextNonce(this.chain), this.chain.nonce('latest'), this.chain.fees(), this.store.gasSpent(this.chain), this.chain.balance()]);
    return { nonce: Math.max(kept, used), fees, spent, balanceWei };
  }

  /** A call that would fail now takes no nonce, and one that costs too much waits without one. */
  private async sign(transaction: OutboxTransaction, estimated: PromiseSettledResult<bigint>, standing: Standing): Promise<void> {
    if (estimated.status === 'rejected') return this.refused(transaction, estimated.reason);
    const { target, data, purpose } = transaction;
    const { nonce, fees, spent } = standing;
    if (fees.maxFeePerGas > this.feeMax) return this.wait(transaction, `gas costs ${fees.maxFeePerGas} wei a unit, above SETTLEMENT_FEE_GWEI_MAX`);
    const bytes = await this.chain.sign({ target, data, nonce, gasLimit: estimated.value, fees });
    const beyond = beyondGas(purpose, spent, bytes.costWeiMax, this.limits);
    if (beyond !== null) return this.wait(transaction, beyond);
    if (standing.balanceWei < bytes.costWeiMax) return this.wait(transaction, `the relayer ${this.chain.sender} has too few coins for the gas: send it some`);
    await this.store.signed(transaction, nonce, bytes);
    Object.assign(standing, { nonce: nonce + 1, spent: spentAfter(spent, purpose, bytes.costWeiMax), balanceWei: standing.balanceWei - bytes.costWeiMax });
    await this.send({ ...transaction, state: 'signed', nonce }, bytes);
  }

  private async refused(transaction: OutboxTransaction, error: unknown): Promise<void> {
    if (!isDomainError(error, 'CHAIN_REJECTED')) throw error;
    this.logger.warn(`${transaction.purpose} ${transaction.subject}: ${error.message}`);
    const { revert } = error.details;
    await this.store.failed(transaction, typeof revert === 'string' ? revert : error.message);
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

  /** What is final is asked first: a receipt that is missing afterwards was not in those blocks. */
  private async watch(underWay: readonly OutboxTransaction[], unclear: unknown[]): Promise<void> {
    const [finalized, usedNonces] = await Promise.all([this.chain.finalized(), this.chain.nonce('finalized')]);
    const receipts = await Promise.allSettled(underWay.map((transaction) => this.receiptOf(transaction)));
    for (const [at, transaction] of underWay.entries()) {
      await this.tolerating(unclear, async () => {
        const found = receipts[at]!;
        if (found.status === 'rejected') throw found.reason;
        await (transaction.state === 'mined' ? this.confirm(transaction, found.value, finalized) : this.look(transaction, found.value, usedNonces));
      });
    }
  }

  /** Of whichever of the bytes under its nonce are in a block; of what was mined, of those that were. */
  private async receiptOf({ state, minedTx, attempts }: OutboxTransaction): Promise<TransactionReceipt | null> {
    if (state === 'mined') return this.chain.receipt(minedTx!);
    for (const { hash } of attempts) {
      const receipt = await this.chain.receipt(hash);
      if (receipt) return receipt;
    }
    return null;
  }

  /** None of the bytes under this nonce is in a block: dropped, slow, or the nonce is somebody else's. */
  private async look(transaction: OutboxTransaction, receipt: TransactionReceipt | null, usedNonces: number): Promise<void> {
    if (receipt) {
      const { hash: tx, blockHash, blockNumber } = receipt;
      return this.store.mined(transaction, { tx, blockHash, blockNumber, costWei: await this.chain.cost(receipt, transaction.attempts.find(({ hash }) => hash === tx)!.raw) });
    }
    if (usedNonces > transaction.nonce!) {
      return this.store.failed(transaction, 'the nonce was used by a foreign transaction', (manager) => this.foreign.note(manager, transaction, this.chain));
    }
    return this.carry(transaction, transaction.attempts.at(-1)!);
  }

  /** The same bytes once more, or dearer ones when these came into no block for long: nodes may refuse them by now, or prefer others. What waits behind another nonce is not too cheap. */
  private async carry(transaction: OutboxTransaction, last: Attempt): Promise<void> {
    const isSlow = last.firstSentAtMs !== null && this.clock.nowMs() - last.firstSentAtMs >= replaceMs;
    const isNext = isSlow && (await this.chain.nonce('latest')) >= transaction.nonce!;
    if (!isNext || !(await this.replace(transaction, last))) await this.resend(transaction, last);
  }

  /** The same bytes; not sooner than {@link resendMs} after the last time. */
  private async resend(transaction: OutboxTransaction, last: Attempt): Promise<void> {
    if (this.silentMs(last) >= resendMs) await this.send(transaction, last);
  }

  private silentMs({ sentAtMs }: Attempt): number {
    return sentAtMs === null ? Infinity : this.clock.nowMs() - sentAtMs;
  }

  /** False when dearer ones would cost more than may be spent. */
  private async replace(transaction: OutboxTransaction, last: Attempt): Promise<boolean> {
    const fees = replacementFees(last.fees, await this.chain.fees(), this.feeMax);
    if (fees === null) return false;
    const { target, data, purpose } = transaction;
    const gasLimit = gasLimitOf(last.raw);
    const moreWei = gasLimit * (fees.maxFeePerGas - last.fees.maxFeePerGas);
    if (beyondGas(purpose, await this.store.gasSpent(this.chain), moreWei, this.limits) !== null) return false;
    const bytes = await this.chain.sign({ target, data, nonce: transaction.nonce!, gasLimit, fees });
    await this.store.replaced(transaction, bytes);
    await this.send(transaction, bytes);
    return true;
  }

  private async confirm(transaction: OutboxTransaction, receipt: TransactionReceipt | null, finalized: BlockRef): Promise<void> {
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

const isUnavailable = (error: unknown): boolean => isDomainError(error, 'CHAIN_UNAVAILABLE') || isDomainError(error, 'SERVICE_UNAVAILABLE');

/** Without its figures. */
const kindOf = (reason: string | null): string => (reason ?? '').replaceAll(/\d+/g, '#');
