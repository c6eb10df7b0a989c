import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { SERVICE_CONFIG } from '#service';
import type { SettlementConfig } from '../config.js';
import { Loop } from '../loop.js';
import { PaymentLanding } from './payment-landing.service.js';

/** Looks for payments that have come to their end while the service runs. */
@Injectable()
export class LandingLoop implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(@Inject(SERVICE_CONFIG) { SETTLEMENT_POLL_MS }: SettlementConfig, landing: PaymentLanding) {
    this.loop = new Loop(PaymentLanding.name, SETTLEMENT_POLL_MS, () => landing.round());
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }
}
