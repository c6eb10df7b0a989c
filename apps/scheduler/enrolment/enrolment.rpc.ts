import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { schedulerCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { Enrolment } from './enrolment.service.js';
import { Tokens } from './tokens.service.js';

type Calls = typeof schedulerCalls;

@Controller()
export class EnrolmentRpc {
  constructor(
    @Inject(Tokens) private readonly tokens: Tokens,
    @Inject(Enrolment) private readonly enrolment: Enrolment,
  ) {}

  @Serve(schedulerCalls.createEnrolmentToken)
  createToken(request: RequestOf<Calls['createEnrolmentToken']>): Promise<ReplyOf<Calls['createEnrolmentToken']>> {
    return this.tokens.create(request);
  }

  @Serve(schedulerCalls.enrol)
  enrol(request: RequestOf<Calls['enrol']>): Promise<ReplyOf<Calls['enrol']>> {
    return this.enrolment.enrol(request);
  }
}
