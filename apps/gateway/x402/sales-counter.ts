import { createHash } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { counterOf, refusalBeforeChain } from '#chain';
import { DomainError, isDomainError } from '#kernel';
import type { Clock } from '#kernel';
import type { Caller } from '#messaging';
import { failure, paymentId, x402Calls, x402Headers, x402Version } from '#protocol';
import type { FacilitatorRequest, PaymentPayload, PaymentRequired, PaymentRequirements, ReplyOf, SaleTerms, SettleResponse } from '#protocol';
import type { AuthenticatedRequest } from '../access/principal.js';
import type { Kept, Once, Turn } from '../idempotency/once.js';
import type { ParsedRequest } from '../openai/parsed-request.js';
import type { InferenceAnswer, InferenceJob } from '../request/inference-job.js';
import type { RequestPipeline } from '../request/request-pipeline.js';
import type { PaymentAttempts } from './payment-attempts.js';
import { paymentOf, toHeader } from './payment-header.js';
import { coveredNanos, isAccepted, priceOf, saleAmount, waysToPay } from './price.js';
import type { SellerKey } from './seller-key.js';

/** Terms change with the deployment or with what is put on the chain. */
const termsMs = 30_000;
/** When somebody who is told that nothing is sold now may ask again: gas comes free over a day, and prices of gas fall within minutes. */
const pausedMs = 300_000;
/** What a claimed payment stays set aside for beyond the request's own deadline. */
const collectMs = 30_000;

interface Settings {
  readonly markupPercent: number;
  readonly deadlineMs: number;
}

/**
 * Sells single requests to callers without an account, by x402: priced before anything runs, claimed before the work, taken after it and
 * before the answer. What fails is not charged; one payment buys one request, and asked again it gives the same answer.
 */
export class SalesCounter {
  private readonly logger = new Logger(SalesCounter.name);
  private known: (ReplyOf<typeof x402Calls.terms> & { readonly untilMs: number }) | undefined;

  constructor(
    private readonly caller: Pick<Caller, 'call'>,
    private readonly pipeline: Pick<RequestPipeline, 'quote' | 'run'>,
    private readonly once: Once,
    private readonly clock: Clock,
    private readonly seller: Pick<SellerKey, 'authorization'>,
    private readonly attempts: Pick<PaymentAttempts, 'admit'>,
    private readonly settings: Settings,
  ) {}

  /** The operator's key as a caller would send it. */
  get key(): string | undefined {
    return this.seller.authorization();
  }

  /** What costs nothing is looked at first. Errors: PAYMENT_REQUIRED, PAYMENT_FAILED, HEADER_INVALID, REQUEST_INVALID (a stream), PAYMENTS_PAUSED, RATE_LIMITED, CONFLICT, CHAIN_UNAVAILABLE, and those of the pipeline. */
  async sell({ form }: Pick<ParsedRequest, 'form'>, jobOf: () => InferenceJob, request: AuthenticatedRequest, reply: FastifyReply): Promise<void> {
    const { terms, isPaused } = await this.termsNow();
    if (terms === null) throw failure('API_KEY_MISSING', 'send an API key: "Authorization: Bearer mzn_..."');
    if (form !== undefined) throw failure('REQUEST_INVALID', 'streams are not sold by the request: what has been sent cannot be held back when its payment fails; leave out "stream", or use an API key', { param: 'stream' });
    const payment = paymentOf(request.headers);
    // What was paid for before is answered all the same.
    if (isPaused && !payment) throw failure('PAYMENTS_PAUSED', 'requests are not sold by x402 now: payments could not be taken; ask again later, or send an API key', { retryAfterMs: pausedMs });
    if (payment) this.attempts.admit(request.ip);
    const job = jobOf();
    const ways = waysToPay(terms, saleAmount(await this.pipeline.quote(job), terms, this.settings.markupPercent));
    const ask = (reason: string): DomainError => paymentRequired(reason, request, ways);
    if (!payment) throw ask('PAYMENT-SIGNATURE header is required');
    const fits = isAccepted(payment.accepted, ways);
    if (fits !== 'yes') throw ask(fits === 'too-little' ? 'price_changed' : 'no_matching_requirements');
    const wrong = refusalBeforeChain(asFacilitators(payment), 'amount', counterOf(terms));
    if (wrong !== null) throw ask(wrong);
    const turn = await this.turn(job, payment, request, ask);
    const answer = 'kept' in turn ? turn.kept : await this.served(job, terms, payment, turn.turn, ask);
    const outcome = await this.caller.call(x402Calls.outcome, { payment: paymentId(payment) });
    if (!outcome.success) throw paymentFailed(outcome);
    await reply.code(answer.status).headers({ [x402Headers.response]: toHeader(outcome), 'x-mizan-record': answer.record, ...('kept' in turn && { 'idempotency-replayed': 'true' }) }).type(answer.contentType).send(answer.body);
  }

  /** One payment, one request: of two that carry the same, one runs. */
  private async turn({ tenant, keyId }: InferenceJob, payment: PaymentPayload, request: AuthenticatedRequest, ask: (reason: string) => DomainError): Promise<{ turn: Turn } | { kept: Kept }> {
    try {
      return await this.once.take({ tenant: tenant.tenant, keyId, name: `x402:${paymentId(payment)}`, secret: payment.payload.signature, path: request.url, body: request.body, record: request.id, deadlineMs: this.settings.deadlineMs + collectMs });
    } catch (error) {
      if (isDomainError(error, 'IDEMPOTENCY_MISMATCH')) throw ask('payment_already_used');
      if (isDomainError(error, 'CONFLICT')) throw failure('CONFLICT', 'the request that this payment is for is running, or its answer is too large to be given again', error.details);
      throw error;
    }
  }

  /** Runs what is paid for; its payment is fixed before its answer is kept. */
  private async served(job: InferenceJob, terms: SaleTerms, payment: PaymentPayload, turn: Turn, ask: (reason: string) => DomainError): Promise<Kept> {
    let answer: InferenceAnswer;
    const id = paymentId(payment);
    const most = BigInt(payment.accepted.amount);
    try {
      const { invalidReason } = await this.caller.call(x402Calls.claim, {
        ...asFacilitators(payment),
        tenant: job.tenant.tenant,
        record: job.id,
        requestHash: createHash('sha256').update(job.endpoint).update(job.body).digest('hex'),
        untilMs: this.clock.nowMs() + this.settings.deadlineMs + collectMs,
      });
      if (invalidReason !== null) throw ask(invalidReason);
      answer = await this.ran({ ...job, costNanosMax: coveredNanos(most, terms, this.settings.markupPercent) }, id);
    } catch (error) {
      await turn.giveBack();
      throw error;
    }
    const cost = saleAmount(answer.chargeNanos ?? 0n, terms, this.settings.markupPercent);
    // What cost nothing is not charged.
    const used = cost === 0n ? 0n : priceOf(cost, terms);
    await this.caller.call(x402Calls.collect, { payment: id, amount: payment.accepted.scheme === 'exact' || used > most ? most : used });
    await turn.keep(answer);
    return answer;
  }

  private async ran(job: InferenceJob, payment: string): Promise<InferenceAnswer> {
    try {
      return await this.pipeline.run(job);
    } catch (error) {
      // Without an answer it lapses by itself.
      await this.caller.call(x402Calls.release, { payment }).catch((problem: unknown) => this.logger.warn(`payment ${payment} is not released yet: ${String(problem)}`));
      throw error;
    }
  }

  private async termsNow(): Promise<ReplyOf<typeof x402Calls.terms>> {
    if (this.known && this.known.untilMs > this.clock.nowMs()) return this.known;
    const told = await this.caller.call(x402Calls.terms, {});
    this.known = { ...told, untilMs: this.clock.nowMs() + termsMs };
    return this.known;
  }
}

/** What a facilitator is asked of a payment, in the way that its payer chose. */
const asFacilitators = (payment: PaymentPayload): FacilitatorRequest => ({ x402Version, paymentPayload: payment, paymentRequirements: payment.accepted });

/** 402 with all ways to pay, as the protocol's clients read it. */
function paymentRequired(reason: string, request: AuthenticatedRequest, accepts: PaymentRequirements[]): DomainError {
  const body: PaymentRequired = { x402Version, error: reason, resource: { url: `${request.protocol}://${request.host}${request.url}`, mimeType: 'application/json', serviceName: 'Mizan' }, accepts };
  return failure('PAYMENT_REQUIRED', `this request costs ${accepts[0]?.amount} base units of ${accepts[0]?.asset} at most: pay by x402 as PAYMENT-REQUIRED says (${reason}), or send an API key`, {
    headers: { [x402Headers.required]: toHeader(body), 'cache-control': 'no-store' },
  });
}

function paymentFailed(outcome: SettleResponse): DomainError {
  const pending = outcome.errorReason === 'settlement_pending';
  return failure('PAYMENT_FAILED', pending ? 'the payment is in no block yet: send the same request with the same payment again, it is charged once' : `the payment did not come: ${outcome.errorReason}`, {
    headers: { [x402Headers.response]: toHeader(outcome), 'cache-control': 'no-store' },
  });
}
