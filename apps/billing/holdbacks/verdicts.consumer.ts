import { Controller, Inject } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ConsumeEvent } from '#messaging';
import { verificationEvents } from '#protocol';
import type { PayloadOf } from '#protocol';
import { withTenant } from '#service';
import { Holdbacks } from './holdbacks.service.js';

/** Takes in what verification found; said again it changes nothing. */
@Controller()
export class VerdictsConsumer {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Holdbacks) private readonly holdbacks: Holdbacks,
  ) {}

  @ConsumeEvent(verificationEvents.workVerified, { durable: 'billing-work-verified' })
  onVerified(said: PayloadOf<typeof verificationEvents.workVerified>): Promise<void> {
    return withTenant(this.dataSource, '*', (manager) => this.holdbacks.judged(manager, said));
  }
}
