import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { agreementCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { Credits } from '../credits/credits.service.js';
import { Agreements } from './agreements.service.js';

type Calls = typeof agreementCalls;

@Controller()
export class AgreementsRpc {
  constructor(
    @Inject(Agreements) private readonly agreements: Agreements,
    @Inject(Credits) private readonly credits: Credits,
  ) {}

  @Serve(agreementCalls.propose)
  propose(request: RequestOf<Calls['propose']>): Promise<ReplyOf<Calls['propose']>> {
    return this.agreements.propose(request);
  }

  @Serve(agreementCalls.approve)
  approve(request: RequestOf<Calls['approve']>): Promise<ReplyOf<Calls['approve']>> {
    return this.agreements.approve(request);
  }

  @Serve(agreementCalls.list)
  list(page: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    return this.agreements.list(page);
  }

  @Serve(agreementCalls.ahead)
  ahead(request: RequestOf<Calls['ahead']>): Promise<ReplyOf<Calls['ahead']>> {
    return this.agreements.ahead(request);
  }

  @Serve(agreementCalls.grantCredit)
  grant(request: RequestOf<Calls['grantCredit']>): Promise<ReplyOf<Calls['grantCredit']>> {
    return this.credits.grant(request);
  }

  @Serve(agreementCalls.listCredits)
  listCredits(page: RequestOf<Calls['listCredits']>): Promise<ReplyOf<Calls['listCredits']>> {
    return this.credits.list(page);
  }
}
