import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { payoutRuleCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { Disputes } from './disputes.service.js';
import { Eligibility } from './eligibility.service.js';
import { mostHeldBack } from './held-back.js';
import { Holds } from './holds.service.js';
import { PayoutTerms } from './terms.service.js';

type Calls = typeof payoutRuleCalls;

@Controller()
export class PayoutRulesRpc {
  constructor(
    private readonly holds: Holds,
    private readonly terms: PayoutTerms,
    private readonly disputes: Disputes,
    private readonly eligibility: Eligibility,
  ) {}

  @Serve(payoutRuleCalls.placeHold)
  placeHold(request: RequestOf<Calls['placeHold']>): Promise<ReplyOf<Calls['placeHold']>> {
    return this.holds.place(request);
  }

  @Serve(payoutRuleCalls.releaseHold)
  releaseHold(request: RequestOf<Calls['releaseHold']>): Promise<ReplyOf<Calls['releaseHold']>> {
    return this.holds.release(request);
  }

  @Serve(payoutRuleCalls.listHolds)
  listHolds(request: RequestOf<Calls['listHolds']>): Promise<ReplyOf<Calls['listHolds']>> {
    return this.holds.list(request);
  }

  @Serve(payoutRuleCalls.heldBack)
  async heldBack({ tenant }: RequestOf<Calls['heldBack']>): Promise<ReplyOf<Calls['heldBack']>> {
    return mostHeldBack((await this.eligibility.of(tenant)).heldBack);
  }

  @Serve(payoutRuleCalls.putMinimum)
  putMinimum(request: RequestOf<Calls['putMinimum']>): Promise<ReplyOf<Calls['putMinimum']>> {
    return this.terms.putMinimum(request);
  }

  @Serve(payoutRuleCalls.listMinimums)
  listMinimums(request: RequestOf<Calls['listMinimums']>): Promise<ReplyOf<Calls['listMinimums']>> {
    return this.terms.listMinimums(request);
  }

  @Serve(payoutRuleCalls.putSchedule)
  putSchedule(request: RequestOf<Calls['putSchedule']>): Promise<ReplyOf<Calls['putSchedule']>> {
    return this.terms.putSchedule(request);
  }

  @Serve(payoutRuleCalls.getSchedule)
  getSchedule({ tenant }: RequestOf<Calls['getSchedule']>): Promise<ReplyOf<Calls['getSchedule']>> {
    return this.terms.schedule(tenant);
  }

  @Serve(payoutRuleCalls.openDispute)
  openDispute(request: RequestOf<Calls['openDispute']>): Promise<ReplyOf<Calls['openDispute']>> {
    return this.disputes.open(request);
  }

  @Serve(payoutRuleCalls.openPayeeDispute)
  openPayeeDispute(request: RequestOf<Calls['openPayeeDispute']>): Promise<ReplyOf<Calls['openPayeeDispute']>> {
    return this.disputes.openByPayee(request);
  }

  @Serve(payoutRuleCalls.resolveDispute)
  resolveDispute(request: RequestOf<Calls['resolveDispute']>): Promise<ReplyOf<Calls['resolveDispute']>> {
    return this.disputes.resolve(request);
  }

  @Serve(payoutRuleCalls.listDisputes)
  listDisputes(request: RequestOf<Calls['listDisputes']>): Promise<ReplyOf<Calls['listDisputes']>> {
    return this.disputes.list(request);
  }
}
