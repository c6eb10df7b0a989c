import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { failure } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { Said } from '../said.js';
import { beyondGas } from '../transactions/gas-budget.js';
import type { GasLimits } from '../transactions/gas-budget.js';
import { TransactionStore } from '../transactions/transaction.store.js';
import { X402PaymentStore } from './x402-payment.store.js';

/** Gas that is set aside for a payment: one by Permit2 takes some 130,000, and the relayer's limit is a fifth above. What it offers for each is twice the base fee, so several payments that are taken in one moment find room too. */
const gasPerPayment = 160_000n;
/** Fees and coins are looked at again after this long: two blocks of two seconds. */
const keepMs = 4_000;
/** When somebody who is refused may ask again: gas comes free over a day, and prices of gas fall within minutes. */
const retryAfterMs = 300_000;

/** Whether the gas of one more payment may be spent, beside that of all which are set aside: what is sold must be taken in the end. */
@Injectable()
export class GasRoom {
  private readonly logger = new Logger(GasRoom.name);
  private readonly said = new Said();
  private known: { readonly feeWei: bigint; readonly balanceWei: bigint; readonly untilMs: number } | undefined;

  constructor(
    @Inject(SERVICE_CONFIG) private readonly limits: GasLimits & Pick<SettlementConfig, 'SETTLEMENT_FEE_GWEI_MAX'>,
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly payments: X402PaymentStore,
    private readonly transactions: TransactionStore,
    private readonly clock: Clock,
  ) {}

  /** Errors: PAYMENTS_PAUSED, CHAIN_UNAVAILABLE. */
  async require(): Promise<void> {
    if (!(await this.isLeft())) throw failure('PAYMENTS_PAUSED', 'payments by x402 are not taken now: the gas that they may use is used up or too dear; send the same again later, or use an API key', { retryAfterMs });
  }

  /** Error: CHAIN_UNAVAILABLE. */
  async isLeft(): Promise<boolean> {
    const problem = await this.problem();
    if (problem === null) this.said.forget('room');
    else if (this.said.isNew('room', problem.replace(/\d+/g, '#'))) this.logger.warn(`nothing is sold by x402: ${problem}`);
    return problem === null;
  }

  private async problem(): Promise<string | null> {
    const [{ feeWei, balanceWei }, spent, { unsent, boundWei }] = await Promise.all([
      this.chainNow(),
      this.transactions.gasSpent(this.chain),
      withTenant(this.dataSource, '*', (manager) => this.payments.gasAhead(manager, this.clock.nowMs())),
    ]);
    if (feeWei > BigInt(this.limits.SETTLEMENT_FEE_GWEI_MAX) * 1_000_000_000n) return `gas costs ${feeWei} wei a unit, above SETTLEMENT_FEE_GWEI_MAX`;
    const eachWei = gasPerPayment * feeWei > boundWei ? gasPerPayment * feeWei : boundWei;
    const aheadWei = BigInt(unsent + 1) * eachWei;
    if (balanceWei < aheadWei) return `the relayer ${this.chain.sender} has too few coins for the gas: send it some`;
    return beyondGas('x402', spent, aheadWei, this.limits);
  }

  private async chainNow(): Promise<{ feeWei: bigint; balanceWei: bigint }> {
    if (this.known && this.known.untilMs > this.clock.nowMs()) return this.known;
    const [{ maxFeePerGas: feeWei }, balanceWei] = await Promise.all([this.chain.fees(), this.chain.balance()]);
    this.known = { feeWei, balanceWei, untilMs: this.clock.nowMs() + keepMs };
    return this.known;
  }
}
