import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { webhookCalls, type ReplyOf, type RequestOf } from '#protocol';
import { Webhooks } from './webhooks.service.js';

type Calls = typeof webhookCalls;

@Controller()
export class WebhooksRpc {
  constructor(private readonly webhooks: Webhooks) {}

  @Serve(webhookCalls.create)
  create(request: RequestOf<Calls['create']>): Promise<ReplyOf<Calls['create']>> {
    return this.webhooks.create(request);
  }

  @Serve(webhookCalls.list)
  list(request: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    return this.webhooks.list(request);
  }

  @Serve(webhookCalls.change)
  change(request: RequestOf<Calls['change']>): Promise<ReplyOf<Calls['change']>> {
    return this.webhooks.change(request);
  }

  @Serve(webhookCalls.rotate)
  rotate(request: RequestOf<Calls['rotate']>): Promise<ReplyOf<Calls['rotate']>> {
    return this.webhooks.rotate(request);
  }

  @Serve(webhookCalls.remove)
  remove(request: RequestOf<Calls['remove']>): Promise<ReplyOf<Calls['remove']>> {
    return this.webhooks.remove(request);
  }

  @Serve(webhookCalls.dead)
  dead(request: RequestOf<Calls['dead']>): Promise<ReplyOf<Calls['dead']>> {
    return this.webhooks.dead(request);
  }
}
