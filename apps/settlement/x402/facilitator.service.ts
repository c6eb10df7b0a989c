import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { getAddress } from 'ethers';
import { DataSource } from 'typeorm';
import { Clock, isDomainError } from '#kernel';
import { isSignedByKey, paymentDigest, settlementCall } from '#chain';
import type { Asked } from '#chain';
import { failure, paymentId, payerOf } from '#protocol';
import type { FacilitatorRequest, SettleResponse, VerifyResponse } from '#protocol';
import { withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import { Relayer } from '../transactions/relayer.service.js';
import { TransactionStore } from '../transactions/transaction.store.js';
import { GasRoom } from './gas-room.service.js';
import { PayerPlace } from './payer-place.service.js';
import { PaymentAsset } from './payment-asset.js';
import { PaymentLanding } from './payment-landing.service.js';
import { PaymentScreening } from './payment-screening.service.js';
import { PaymentVerifier } from './verify-payment.js';
import type { Verified } from './verify-payment.js';
import { X402PaymentStore } from './x402-payment.store.js';
import type { NewClaim, X402PaymentRow } from './x402-payment.store.js';

/** How long a caller waits for a payment's block: below the call's own 30 s. */
const waitMs = 22_000;
const lookMs = 100;
/** What a payment that others' servers bring is set aside for, at most. */
const settleMs = 60_000;

/** Takes payments by x402: each authorisation pays once, for one thing, and is sent through the relayer's outbox. */
@Injectable()
export class Facilitator {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly chain: ChainLink,
    private readonly asset: PaymentAsset,
    private readonly verifier: PaymentVerifier,
    private readonly room: GasRoom,
    private readonly place: PayerPlace,
    private readonly screening: PaymentScreening,
    private readonly payments: X402PaymentStore,
    private readonly transactions: TransactionStore,
    private readonly relayer: Relayer,
    private readonly landing: PaymentLanding,
  ) {}

  /** Errors: CHAIN_UNAVAILABLE, PAYMENTS_PAUSED, RATE_LIMITED, SCREENING_UNAVAILABLE. */
  async verify(request: FacilitatorRequest): Promise<VerifyResponse> {
    const payer = payerOf(request.paymentPayload);
    const { reason } = await this.verified(request, 'amount');
    return reason === null ? { isValid: true, payer } : { isValid: false, invalidReason: reason, payer };
  }

  /** Sets a good payment aside. Resolves to the reason against it, or null. Errors: CHAIN_UNAVAILABLE, PAYMENTS_PAUSED, RATE_LIMITED, SCREENING_UNAVAILABLE. */
  async claim(request: FacilitatorRequest, purpose: Pick<NewClaim, 'tenant' | 'record' | 'requestHash' | 'untilMs'>): Promise<string | null> {
    const verified = await this.verified(request, 'amount');
    return verified.reason ?? this.setAside(request, purpose, verified);
  }

  /** What was set aside in vain is the payer's again. */
  release(payment: string): Promise<boolean> {
    return withTenant(this.dataSource, '*', (manager) => this.payments.release(manager, payment));
  }

  /** Fixes what a claimed payment pays; from here on it is sent whatever happens to this process. Errors: NOT_FOUND, CONFLICT, AMOUNT_INVALID. */
  async collect(payment: string, amount: bigint): Promise<void> {
    const { domain } = await this.asset.facts();
    await withTenant(this.dataSource, '*', async (manager) => {
      const row = await this.payments.lock(manager, payment);
      if (!row) throw failure('NOT_FOUND', `there is no payment ${payment}, or it was released`);
      if (row.state !== 'claimed') {
        if (row.amount === amount) return;
        throw failure('CONFLICT', `payment ${payment} pays ${row.amount}, not ${amount}`);
      }
      if (amount > row.amountMax || (row.scheme === 'exact' && amount !== row.amountMax)) throw failure('AMOUNT_INVALID', `payment ${payment} is ${row.scheme} ${row.amountMax}, not ${amount}`);
      await this.payments.collect(manager, payment, amount, amount === 0n ? null : await this.transactions.plan(manager, this.chain, { purpose: 'x402', subject: payment, ...this.callOf(row, domain, amount) }));
    });
  }

  /** What became of a payment, once it is in a block or can no longer be. Errors: NOT_FOUND, CHAIN_UNAVAILABLE. */
  async outcome(payment: string): Promise<SettleResponse> {
    const deadline = this.clock.monotonicMs() + waitMs;
    for (;;) {
      const row = await withTenant(this.dataSource, '*', (manager) => this.payments.get(manager, payment));
      if (!row) throw failure('NOT_FOUND', `there is no payment ${payment}, or it was released`);
      const isLate = this.clock.monotonicMs() > deadline;
      try {
        const answer = await this.landing.look(row);
        if (answer || isLate) return answer ?? this.landing.told(row, { success: false, errorReason: 'settlement_pending', transaction: row.tx ?? '' });
        await this.relayer.round();
      } catch (error) {
        // Of several endpoints some see a new block before the others.
        if (isLate || !isDomainError(error, 'CHAIN_UNAVAILABLE')) throw error;
      }
      await sleep(lookMs);
    }
  }

  /** Takes a payment that a server of the tenant's was given. Errors: CHAIN_UNAVAILABLE, RATE_LIMITED, SCREENING_UNAVAILABLE. */
  async settle(request: FacilitatorRequest, tenant: string): Promise<SettleResponse> {
    const { paymentPayload, paymentRequirements } = request;
    const payment = paymentId(paymentPayload);
    const amount = BigInt(paymentRequirements.amount);
    const refused = (errorReason: string): SettleResponse => ({ success: false, errorReason, payer: payerOf(paymentPayload), transaction: '', network: paymentRequirements.network });
    const known = await withTenant(this.dataSource, '*', (manager) => this.payments.get(manager, payment));
    if (known && (known.tenant !== tenant || known.record !== null)) return refused('payment_already_used');
    if (!known || known.state === 'claimed') {
      const verified = await this.verified(request, 'at-most');
      if (verified.reason !== null) return refused(verified.reason);
      const claimed = await this.setAside(request, { tenant, record: null, requestHash: null, untilMs: this.clock.nowMs() + settleMs }, verified);
      if (claimed !== null) return refused(claimed);
      await this.collect(payment, amount);
    } else if (known.amount !== amount) return refused('payment_already_used');
    return this.outcome(payment);
  }

  /**
   * A payment that would pay, by somebody and to somebody whom no list names. What was taken already is known here and not asked of the chain; the lists are looked up
   * last: only who could pay is worth a question, and an entry of the log. For what others did the work already there need not be gas: it waits for some.
   */
  private async verified(request: FacilitatorRequest, asked: Asked): Promise<Verified> {
    const wrong = (await this.verifier.beforeChain(request, asked)) ?? (await this.place.against()) ?? ((await this.isTaken(request)) ? 'payment_already_used' : null);
    if (wrong !== null) return { reason: wrong, balance: 0n };
    if (asked === 'amount') await this.room.require();
    const verified = await this.verifier.onChain(request);
    return verified.reason === null ? { ...verified, reason: await this.screening.against(request, verified.signer) } : verified;
  }

  private async isTaken({ paymentPayload }: FacilitatorRequest): Promise<boolean> {
    const known = await withTenant(this.dataSource, '*', (manager) => this.payments.get(manager, paymentId(paymentPayload)));
    return known !== null && known.state !== 'claimed';
  }

  private async setAside({ paymentPayload, paymentRequirements: wanted }: FacilitatorRequest, purpose: Pick<NewClaim, 'tenant' | 'record' | 'requestHash' | 'untilMs'>, { balance, block }: Verified): Promise<string | null> {
    const { payload } = paymentPayload;
    const claim: NewClaim = {
      ...purpose,
      id: paymentId(paymentPayload),
      payer: getAddress(payerOf(paymentPayload)),
      payTo: getAddress(wanted.payTo),
      asset: getAddress(wanted.asset),
      scheme: wanted.scheme as X402PaymentRow['scheme'],
      payload,
      amountMax: BigInt('authorization' in payload ? payload.authorization.value : payload.permit2Authorization.permitted.amount),
      nowMs: this.clock.nowMs(),
      fromBlock: block ?? null,
      jurisdiction: this.place.assumed,
    };
    return withTenant(this.dataSource, '*', async (manager) => {
      if (balance - (await this.payments.spokenFor(manager, claim)) < BigInt(wanted.amount)) return 'payer_balance_spoken_for';
      return (await this.payments.claim(manager, claim)) ? null : 'payment_already_used';
    });
  }

  private callOf({ payload, scheme, asset }: X402PaymentRow, domain: Parameters<typeof paymentDigest>[2], amount: bigint): { target: string; data: string } {
    const digest = paymentDigest(payload, { network: `eip155:${this.chain.chainId}`, asset }, domain);
    return settlementCall(payload, scheme, asset, amount, isSignedByKey(payload, digest));
  }
}
