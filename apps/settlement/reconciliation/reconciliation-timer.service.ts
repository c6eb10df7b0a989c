import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { SERVICE_CONFIG } from '#service';
import type { SettlementConfig } from '../config.js';
import { Loop } from '../loop.js';
import { lookMs, ReconciliationService } from './reconciliation.service.js';

@Injectable()
export class ReconciliationTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(@Inject(SERVICE_CONFIG) { SETTLEMENT_RECONCILE_MS }: SettlementConfig, reconciliation: ReconciliationService) {
    this.loop = new Loop(ReconciliationService.name, Math.min(lookMs, SETTLEMENT_RECONCILE_MS), () => reconciliation.round());
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }
}
