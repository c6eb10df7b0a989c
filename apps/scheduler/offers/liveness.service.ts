import { Inject, Injectable, Logger } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { Subscription } from '@nats-io/transport-node';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { Bus, Outbox } from '#messaging';
import { limits, nodeSubjects } from '#protocol';
import { withTenant } from '#service';
import { silenceMs } from '../nodes/node.js';
import { NodeStore } from '../nodes/nodes.store.js';
import { Beats, beatingNode } from './beats.js';
import { OfferMarket } from './offer-market.service.js';
import { OfferStore } from './offers.store.js';

/** Twice a beat: an offer is down at most 3.5 beats after its node's last one. */
const tickMs = limits.heartbeatMs / 2;
/** Offers read at once when all are published. */
const pageMax = 500;

/**
 * Offers are up while their node beats. What was heard is in the database, so that several schedulers agree; nobody is taken
 * down by one that has only just begun to listen, or cannot hear.
 */
@Injectable()
export class Liveness implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Liveness.name);
  private readonly beats = new Beats(silenceMs);
  private subscription: Subscription | undefined;
  private timer: NodeJS.Timeout | undefined;
  private working: Promise<void> | undefined;
  private listeningSinceMs = 0;
  private stopped = false;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Bus) private readonly bus: Bus,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(NodeStore) private readonly nodes: NodeStore,
    @Inject(OfferStore) private readonly offers: OfferStore,
    @Inject(OfferMarket) private readonly market: OfferMarket,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.listeningSinceMs = this.clock.monotonicMs();
    this.bus.onReconnect(() => (this.listeningSinceMs = this.clock.monotonicMs()));
    await this.publishMarket();
    this.subscription = this.bus.connection.subscribe(nodeSubjects.heartbeats, {
      callback: (error, msg) => {
        if (error === null) this.hear(msg.subject, msg.data);
      },
    });
    this.schedule(tickMs);
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.subscription?.unsubscribe();
    await this.working;
  }

  private hear(subject: string, payload: Uint8Array): void {
    const node = beatingNode(subject, payload);
    if (node !== undefined && this.beats.note(node, this.clock.nowMs())) this.schedule(0);
  }

  private schedule(delayMs: number): void {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.working ??= this.tick()
        .catch((error: unknown) => this.logger.warn(`liveness: ${error instanceof Error ? error.message : String(error)}`))
        .finally(() => {
          this.working = undefined;
          this.schedule(tickMs);
        });
    }, delayMs);
  }

  /** Writes down who was heard, and moves offers up or down accordingly. */
  private async tick(): Promise<void> {
    const heard = this.beats.take();
    const mayTakeDown = this.bus.isConnected && this.clock.monotonicMs() - this.listeningSinceMs > silenceMs;
    const changed = await withTenant(this.dataSource, '*', async (manager) => {
      if (heard.length > 0) await this.nodes.seen(manager, heard);
      const nowMs = this.clock.nowMs();
      const up = await this.offers.takeUp(manager, nowMs, silenceMs);
      const down = mayTakeDown ? await this.offers.takeDown(manager, nowMs, silenceMs) : [];
      await this.market.publishAll(manager, [...up, ...down]);
      return up.length + down.length;
    });
    if (changed > 0) this.outbox.kick();
  }

  /** At start everything is said again: the bucket may be younger than the database. */
  private async publishMarket(): Promise<void> {
    await withTenant(this.dataSource, '*', async (manager) => {
      for (let page = await this.offers.page(manager, undefined, pageMax); page.length > 0; page = await this.offers.page(manager, page.at(-1)!.id, pageMax)) {
        await this.market.publishAll(manager, page);
      }
    });
    this.outbox.kick();
  }
}
