import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { billingCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { LeasesService } from './leases.service.js';

@Controller()
export class LeasesRpc {
  constructor(@Inject(LeasesService) private readonly leases: LeasesService) {}

  @Serve(billingCalls.acquireLease)
  acquire(request: RequestOf<typeof billingCalls.acquireLease>): Promise<ReplyOf<typeof billingCalls.acquireLease>> {
    return this.leases.acquire(request);
  }

  @Serve(billingCalls.releaseLease)
  async release({ lease, gateway, fence, usedNanosMax }: RequestOf<typeof billingCalls.releaseLease>): Promise<ReplyOf<typeof billingCalls.releaseLease>> {
    return { released: await this.leases.release(lease, gateway, fence, usedNanosMax) };
  }
}
