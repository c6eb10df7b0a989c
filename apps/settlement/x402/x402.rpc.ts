import { Controller } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { failure, paymentId, sha256Hex, x402Calls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { Facilitator } from './facilitator.service.js';
import { GasRoom } from './gas-room.service.js';
import { SaleTermsService } from './sale-terms.service.js';
import { X402PaymentStore } from './x402-payment.store.js';

@Controller()
export class X402Rpc {
  constructor(
    private readonly dataSource: DataSource,
    private readonly facilitator: Facilitator,
    private readonly sales: SaleTermsService,
    private readonly room: GasRoom,
    private readonly payments: X402PaymentStore,
  ) {}

  @Serve(x402Calls.terms)
  async terms(): Promise<ReplyOf<typeof x402Calls.terms>> {
    const terms = await this.sales.terms();
    return { terms, isPaused: terms !== null && !(await this.room.isLeft()) };
  }

  @Serve(x402Calls.supported)
  supported(): Promise<ReplyOf<typeof x402Calls.supported>> {
    return this.sales.supported();
  }

  @Serve(x402Calls.verify)
  verify(request: RequestOf<typeof x402Calls.verify>): Promise<ReplyOf<typeof x402Calls.verify>> {
    return this.facilitator.verify(request);
  }

  @Serve(x402Calls.settle)
  settle({ tenant, ...request }: RequestOf<typeof x402Calls.settle>): Promise<ReplyOf<typeof x402Calls.settle>> {
    return this.facilitator.settle(request, tenant);
  }

  @Serve(x402Calls.claim)
  async claim({ tenant, record, requestHash, untilMs, ...request }: RequestOf<typeof x402Calls.claim>): Promise<ReplyOf<typeof x402Calls.claim>> {
    return { payment: paymentId(request.paymentPayload), invalidReason: await this.facilitator.claim(request, { tenant, record, requestHash, untilMs }) };
  }

  @Serve(x402Calls.release)
  async release({ payment }: RequestOf<typeof x402Calls.release>): Promise<ReplyOf<typeof x402Calls.release>> {
    return { released: await this.facilitator.release(payment) };
  }

  @Serve(x402Calls.collect)
  async collect({ payment, amount }: RequestOf<typeof x402Calls.collect>): Promise<ReplyOf<typeof x402Calls.collect>> {
    await this.facilitator.collect(payment, amount);
    return { payment };
  }

  @Serve(x402Calls.outcome)
  outcome({ payment }: RequestOf<typeof x402Calls.outcome>): Promise<ReplyOf<typeof x402Calls.outcome>> {
    return this.facilitator.outcome(payment);
  }

  @Serve(x402Calls.payments)
  async list({ tenant, after, limit }: RequestOf<typeof x402Calls.payments>): Promise<ReplyOf<typeof x402Calls.payments>> {
    if (after !== undefined && !sha256Hex.safeParse(after).success) throw failure('REQUEST_INVALID', '"after" is the id of a payment', { param: 'after' });
    const { data, hasMore } = await withTenant(this.dataSource, tenant ?? '*', (manager) => this.payments.page(manager, { tenant, after, limit }));
    const told = data.map(({ id, tenant: owner, record, payer, payTo, scheme, state, amountMax, amount, tx, error, createdAtMs }) => ({ id, tenant: owner, record, payer, payTo, scheme, state, amountMax, amount, tx, errorReason: error, createdAtMs }));
    return { data: told, hasMore };
  }
}
