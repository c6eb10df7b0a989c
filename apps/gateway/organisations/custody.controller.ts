import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { custodyCalls, kmsSetting, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, deployment, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

type Calls = typeof custodyCalls;

/** The keys that record bodies are sealed to, and who keeps the key over them. */
@Controller('v1')
export class CustodyController {
  constructor(private readonly caller: Caller) {}

  @Get('organisations/:tenant/sealing-keys')
  @Authorise('custody.read', pathTenant)
  @Replies('The keys to which an organisation’s records are sealed, and who keeps the key over them', custodyCalls.list.reply)
  list(@Param('tenant', { schema: uuid }) tenant: string, @Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<Calls['list']>> {
    return this.caller.call(custodyCalls.list, { ...page, tenant });
  }

  /** Errors: KMS_UNAVAILABLE, KMS_REFUSED. */
  @Post('organisations/:tenant/sealing-keys/rotate')
  @Authorise('custody.write', pathTenant)
  @Replies('Makes a new tenant key and a new sealing key; what is there stays readable', custodyCalls.rotate.reply, 201)
  rotate(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string): Promise<ReplyOf<Calls['rotate']>> {
    return this.caller.call(custodyCalls.rotate, { actor: actorOf(principal), tenant });
  }

  /** Errors: KMS_UNAVAILABLE, KMS_REFUSED, URL_REFUSED. */
  @Put('organisations/:tenant/kms')
  @Authorise('custody.write', pathTenant)
  @Replies('Hands the organisation’s tenant keys over to its own KMS (the API of Vault’s transit engine)', custodyCalls.putKms.reply)
  putKms(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Body({ schema: kmsSetting }) kms: z.output<typeof kmsSetting>): Promise<ReplyOf<Calls['putKms']>> {
    return this.caller.call(custodyCalls.putKms, { actor: actorOf(principal), tenant, kms });
  }

  /** Errors: KMS_UNAVAILABLE, KMS_REFUSED. */
  @Delete('organisations/:tenant/kms')
  @Authorise('custody.write', pathTenant)
  @Replies('Takes the organisation’s tenant keys back into the deployment’s keeping', custodyCalls.putKms.reply)
  removeKms(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string): Promise<ReplyOf<Calls['putKms']>> {
    return this.caller.call(custodyCalls.putKms, { actor: actorOf(principal), tenant, kms: null });
  }

  /** Errors: KMS_UNAVAILABLE, KMS_REFUSED. */
  @Post('master-key/rotate')
  @Authorise('master.rotate', deployment)
  @Replies('Brings every tenant key that the deployment keeps under the newest version of its master key', custodyCalls.rotateMaster.reply, 201)
  rotateMaster(@CurrentPrincipal() principal: Principal): Promise<ReplyOf<Calls['rotateMaster']>> {
    return this.caller.call(custodyCalls.rotateMaster, { actor: actorOf(principal) });
  }
}
