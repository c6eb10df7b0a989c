import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { SERVICE_CONFIG } from '#service';
import type { SettlementConfig } from '../config.js';
import { Loop } from '../loop.js';
import { OperatorAnchors } from './operator-anchors.service.js';

/** Looks this often whether an anchor is due or has failed: a failure costs half a minute of the hour. */
const lookMs = 30_000;

@Injectable()
export class AnchorTimer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: Loop;

  constructor(@Inject(SERVICE_CONFIG) { SETTLEMENT_ANCHOR_MS }: SettlementConfig, anchors: OperatorAnchors) {
    this.loop = new Loop('OperatorAnchors', Math.min(lookMs, SETTLEMENT_ANCHOR_MS), () => anchors.round());
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }
}
