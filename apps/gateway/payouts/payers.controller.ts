import { Body, Controller, Param, Put } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { settlementCalls, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { Replies } from '../http/replies.js';

const newPayer = settlementCalls.putPayer.request.pick({ address: true, jurisdiction: true });

@Controller('v1/organisations/:tenant/payer')
export class PayersController {
  constructor(private readonly caller: Caller) {}

  /** Errors: CONFLICT, SANCTIONED, TOKEN_NOT_ALLOWED (from where the payer is established, the token may not be taken), CHAIN_UNAVAILABLE. */
  @Put()
  @Authorise('payer.write', pathTenant)
  @Replies('Names the address whose deposit pays for an organisation, and where that is established', settlementCalls.putPayer.reply)
  put(
    @CurrentPrincipal() principal: Principal,
    @Param('tenant', { schema: uuid }) tenant: string,
    @Body({ schema: newPayer }) body: z.output<typeof newPayer>,
  ): Promise<ReplyOf<typeof settlementCalls.putPayer>> {
    return this.caller.call(settlementCalls.putPayer, { actor: actorOf(principal), tenant, ...body });
  }
}
