import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { payerAdmissionCalls } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Screening } from '../screening/screening.service.js';
import { TokenRules } from './token-rules.service.js';

@Controller()
export class AdmissionRpc {
  constructor(
    private readonly screening: Screening,
    private readonly tokens: TokenRules,
  ) {}

  @Serve(payerAdmissionCalls.token)
  token(): Promise<ReplyOf<typeof payerAdmissionCalls.token>> {
    return this.tokens.state();
  }

  @Serve(payerAdmissionCalls.screening)
  state(): ReplyOf<typeof payerAdmissionCalls.screening> {
    return this.screening.state();
  }
}
