import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { governanceCalls, limitSetting, trafficLimits, uuid } from '#protocol';
import type { LimitScope, LimitSetting, ReplyOf } from '#protocol';
import { Authorise, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { Replies } from '../http/replies.js';

type Limits = z.output<typeof trafficLimits>;

/** Limits of organisations, projects and keys. A kind that is left out is not limited. */
@Controller('v1/organisations/:tenant')
export class LimitsController {
  constructor(private readonly caller: Caller) {}

  @Get('limits')
  @Authorise('limit.read', pathTenant)
  @Replies('Every limit of an organisation, its projects and keys', governanceCalls.listLimits.reply)
  list(@Param('tenant', { schema: uuid }) tenant: string): Promise<ReplyOf<typeof governanceCalls.listLimits>> {
    return this.caller.call(governanceCalls.listLimits, { tenant });
  }

  @Put('limits')
  @Authorise('limit.write', pathTenant)
  @Replies('Sets what an organisation may ask for, all projects together', limitSetting)
  putOrganisation(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Body({ schema: trafficLimits }) limits: Limits): Promise<LimitSetting> {
    return this.put(principal, tenant, 'organisation', tenant, limits);
  }

  @Put('projects/:project/limits')
  @Authorise('limit.write', pathTenant)
  @Replies('Sets what a project may ask for', limitSetting)
  putProject(
    @CurrentPrincipal() principal: Principal,
    @Param('tenant', { schema: uuid }) tenant: string,
    @Param('project', { schema: uuid }) project: string,
    @Body({ schema: trafficLimits }) limits: Limits,
  ): Promise<LimitSetting> {
    return this.put(principal, tenant, 'project', project, limits);
  }

  @Put('keys/:key/limits')
  @Authorise('limit.write', pathTenant)
  @Replies('Sets what an API key may ask for', limitSetting)
  putKey(
    @CurrentPrincipal() principal: Principal,
    @Param('tenant', { schema: uuid }) tenant: string,
    @Param('key', { schema: uuid }) key: string,
    @Body({ schema: trafficLimits }) limits: Limits,
  ): Promise<LimitSetting> {
    return this.put(principal, tenant, 'key', key, limits);
  }

  private put(principal: Principal, tenant: string, scope: LimitScope, subject: string, limits: Limits): Promise<LimitSetting> {
    return this.caller.call(governanceCalls.putLimits, { actor: actorOf(principal), tenant, scope, subject, limits });
  }
}
