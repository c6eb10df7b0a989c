import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { Readiness, SERVICE_CONFIG } from '#service';
import { DepositReversals } from '../chain-events/deposit-reversals.service.js';
import { Watcher } from '../chain-events/watcher.service.js';
import type { SettlementConfig } from '../config.js';
import { ExposureService } from '../exposure/exposure.service.js';
import { Loop } from '../loop.js';
import { Delegates } from '../payers/delegates.service.js';
import { Relayer } from '../transactions/relayer.service.js';
import { ChainLink } from './chain-link.js';

/** Keeps the outbox, the event reader and the watches over deposits and delegates going while the service runs. */
@Injectable()
export class ChainLoops implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown {
  private readonly loops: Loop[];

  constructor(
    @Inject(SERVICE_CONFIG) { SETTLEMENT_POLL_MS, SETTLEMENT_EXPOSURE_MS }: SettlementConfig,
    private readonly chain: ChainLink,
    private readonly readiness: Readiness,
    relayer: Relayer,
    watcher: Watcher,
    reversals: DepositReversals,
    exposure: ExposureService,
    delegates: Delegates,
  ) {
    const loop = (name: string, everyMs: number, round: () => Promise<void>): Loop => new Loop(name, everyMs, () => chain.requireRight().then(round));
    const relaying = loop(Relayer.name, SETTLEMENT_POLL_MS, () => relayer.round());
    relayer.onKick(() => relaying.kick());
    this.loops = [
      relaying,
      loop(Watcher.name, SETTLEMENT_POLL_MS, () => watcher.round().then(() => reversals.round())),
      loop(ExposureService.name, SETTLEMENT_EXPOSURE_MS, () => exposure.round()),
      loop(Delegates.name, SETTLEMENT_EXPOSURE_MS, () => delegates.round()),
    ];
  }

  onApplicationBootstrap(): void {
    this.readiness.add('chain', () => this.chain.isRight());
    for (const loop of this.loops) loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  onApplicationShutdown(): void {
    this.chain.close();
  }
}
