import { Controller, Get } from '@nestjs/common';
import { Caller } from '#messaging';
import { payerAdmissionCalls } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, deployment } from '../access/authorise.js';
import { Replies } from '../http/replies.js';

/** From whom deposits are taken. */
@Controller('v1/settlement')
export class PayerAdmissionController {
  constructor(private readonly caller: Caller) {}

  @Get('token')
  @Authorise('payout.read', deployment)
  @Replies('The token that is paid in, and from payers of which places it is taken, by the authorisations on file', payerAdmissionCalls.token.reply)
  token(): Promise<ReplyOf<typeof payerAdmissionCalls.token>> {
    return this.caller.call(payerAdmissionCalls.token, {});
  }

  @Get('screening')
  @Authorise('payout.read', deployment)
  @Replies('How payers and payees are screened for sanctions', payerAdmissionCalls.screening.reply)
  screening(): Promise<ReplyOf<typeof payerAdmissionCalls.screening>> {
    return this.caller.call(payerAdmissionCalls.screening, {});
  }
}
