import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { governanceCalls, modelAliases, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { Replies } from '../http/replies.js';

const aliasSet = z.object({ data: modelAliases });

/** An organisation's own names for models: each stands for models that are tried in order. */
@Controller('v1/organisations/:tenant/model-aliases')
export class ModelAliasesController {
  constructor(private readonly caller: Caller) {}

  @Get()
  @Authorise('alias.read', pathTenant)
  @Replies('Model aliases of an organisation', governanceCalls.listAliases.reply)
  list(@Param('tenant', { schema: uuid }) tenant: string): Promise<ReplyOf<typeof governanceCalls.listAliases>> {
    return this.caller.call(governanceCalls.listAliases, { tenant });
  }

  @Put()
  @Authorise('alias.write', pathTenant)
  @Replies('Replaces the model aliases of an organisation', governanceCalls.putAliases.reply)
  put(
    @CurrentPrincipal() principal: Principal,
    @Param('tenant', { schema: uuid }) tenant: string,
    @Body({ schema: aliasSet }) { data }: z.output<typeof aliasSet>,
  ): Promise<ReplyOf<typeof governanceCalls.putAliases>> {
    return this.caller.call(governanceCalls.putAliases, { actor: actorOf(principal), tenant, aliases: data });
  }
}
