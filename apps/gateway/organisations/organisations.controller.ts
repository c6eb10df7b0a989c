import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { governanceCalls, label, organisation, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, deployment, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const newOrganisation = z.object({ name: label });

@Controller('v1/organisations')
export class OrganisationsController {
  constructor(private readonly caller: Caller) {}

  @Post()
  @Authorise('organisation.create', deployment)
  @Replies('Creates an organisation', organisation, 201)
  create(@CurrentPrincipal() principal: Principal, @Body({ schema: newOrganisation }) body: z.output<typeof newOrganisation>): Promise<z.output<typeof organisation>> {
    return this.caller.call(governanceCalls.createOrganisation, { actor: actorOf(principal), name: body.name });
  }

  /** The deployment's own list; members of an organisation read theirs by its id. */
  @Get()
  @Authorise('organisation.create', deployment)
  @Replies('Organisations', governanceCalls.listOrganisations.reply)
  list(@Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof governanceCalls.listOrganisations>> {
    return this.caller.call(governanceCalls.listOrganisations, page);
  }

  @Get(':tenant')
  @Authorise('organisation.read', pathTenant)
  @Replies('One organisation', organisation)
  get(@Param('tenant', { schema: uuid }) tenant: string): Promise<z.output<typeof organisation>> {
    return this.caller.call(governanceCalls.getOrganisation, { tenant });
  }
}
