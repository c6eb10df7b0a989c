import { Body, Controller, Delete, Get, Param, Post, Put, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { changedWebhook, newWebhook, uuid, webhook, webhookCalls } from '#protocol';
import type { ReplyOf, Webhook } from '#protocol';
import { Authorise, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const newSecret = newWebhook.pick({ secret: true });

/** Where an organisation has its entries of the log delivered, signed by Standard Webhooks. */
@Controller('v1/organisations/:tenant/webhooks')
export class WebhooksController {
  constructor(private readonly caller: Caller) {}

  @Post()
  @Authorise('webhook.write', pathTenant)
  @Replies('A new webhook, with its secret, which is shown once', webhookCalls.create.reply, 201)
  create(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Body({ schema: newWebhook }) body: z.output<typeof newWebhook>): Promise<ReplyOf<typeof webhookCalls.create>> {
    return this.caller.call(webhookCalls.create, { ...body, actor: actorOf(principal), tenant });
  }

  @Get()
  @Authorise('webhook.read', pathTenant)
  @Replies('The webhooks of an organisation and how they stand', webhookCalls.list.reply)
  list(@Param('tenant', { schema: uuid }) tenant: string): Promise<ReplyOf<typeof webhookCalls.list>> {
    return this.caller.call(webhookCalls.list, { tenant });
  }

  @Put(':id')
  @Authorise('webhook.write', pathTenant)
  @Replies('Changes, pauses or resumes a webhook, or delivers again what comes after an entry', webhook)
  change(
    @CurrentPrincipal() principal: Principal,
    @Param('tenant', { schema: uuid }) tenant: string,
    @Param('id', { schema: uuid }) id: string,
    @Body({ schema: changedWebhook }) change: z.output<typeof changedWebhook>,
  ): Promise<Webhook> {
    return this.caller.call(webhookCalls.change, { actor: actorOf(principal), tenant, id, change });
  }

  @Post(':id/secret')
  @Authorise('webhook.write', pathTenant)
  @Replies('A new secret; the old one signs as well for a day', webhookCalls.rotate.reply)
  rotate(
    @CurrentPrincipal() principal: Principal,
    @Param('tenant', { schema: uuid }) tenant: string,
    @Param('id', { schema: uuid }) id: string,
    @Body({ schema: newSecret }) { secret }: z.output<typeof newSecret>,
  ): Promise<ReplyOf<typeof webhookCalls.rotate>> {
    return this.caller.call(webhookCalls.rotate, { actor: actorOf(principal), tenant, id, secret });
  }

  @Delete(':id')
  @Authorise('webhook.write', pathTenant)
  @Replies('Removes a webhook', webhook)
  remove(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Param('id', { schema: uuid }) id: string): Promise<Webhook> {
    return this.caller.call(webhookCalls.remove, { actor: actorOf(principal), tenant, id });
  }

  @Get(':id/dead-letters')
  @Authorise('webhook.read', pathTenant)
  @Replies('Deliveries that were given up, newest first', webhookCalls.dead.reply)
  dead(@Param('tenant', { schema: uuid }) tenant: string, @Param('id', { schema: uuid }) id: string, @Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<typeof webhookCalls.dead>> {
    return this.caller.call(webhookCalls.dead, { tenant, id, ...page });
  }
}
