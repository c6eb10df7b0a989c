import { AckPolicy, DeliverPolicy, JetStreamApiError } from '@nats-io/jetstream';
import type { Consumer, ConsumerConfig, ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import { Logger } from '@nestjs/common';
import type { StreamName } from '#protocol';
import { Bus } from './bus.js';

export interface BatchLoopOptions {
  stream: StreamName;
  durable: string;
  filter?: string;
  /** Messages asked for ahead: twice as many. */
  max: number;
  /** Messages handed over together, as long as they have 8 MiB at most. */
  atOnce: number;
  /** How long the first message waits for company, and how far the beginnings of batches are apart, unless one is full. */
  waitMs: number;
  /** Does the work; resolves = acknowledge all, rejects = hand over again. */
  handle: (batch: JsMsg[]) => Promise<void>;
}

const redeliveryDelayMs = 500;
/** What a killed process had taken comes again after this long; one that lives says three times in it that it is still at work. */
const ackWaitMs = 5_000;
const pulseMs = ackWaitMs / 3;
const lookAgainMs = 100;
/** What one batch holds in memory, and in one transaction: messages are of very different sizes. */
const bytesAtOnceMax = 8 * 1024 * 1024;
/** All that was taken and not done is in memory: of messages of 128 KiB this is 128 MiB, also after an outage. Never below what is asked for ahead. */
const ackPendingMax = (max: number): number => Math.max(2 * max, Math.min(8 * max, 1_024));
/** JetStream's code for: a consumer of this name has another configuration. */
const consumerExists = 10_148;

/** A durable pull consumer that hands over what has arrived, at most `max` at a time, one batch after the other. */
export class BatchLoop {
  private readonly logger = new Logger(BatchLoop.name);
  private messages: ConsumerMessages | undefined;
  private buffer: JsMsg[] = [];
  private wake: (() => void) | undefined;
  private stopped = false;
  private running: Promise<void> | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly options: BatchLoopOptions,
  ) {}

  start(): void {
    this.running = Promise.all([this.pull(), this.work()]).then(() => undefined);
    this.bus.onReconnect(() => this.messages?.stop());
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.messages?.close();
    this.wake?.();
    await this.running;
    // What was taken and not begun comes to the next instance at once.
    if (this.bus.isConnected) for (const message of this.buffer) message.nak();
  }

  /** Keeps a subscription to the durable consumer, re-made when NATS comes back. */
  private async pull(): Promise<void> {
    const { stream, durable, filter, max } = this.options;
    while (!this.stopped) {
      try {
        await this.ensureConsumer({
          durable_name: durable,
          ack_policy: AckPolicy.Explicit,
          deliver_policy: DeliverPolicy.All,
          ack_wait: ackWaitMs * 1_000_000,
          max_ack_pending: ackPendingMax(max),
          ...(filter ? { filter_subject: filter } : {}),
        });
        const consumer = await this.bus.jetstream.consumers.get(stream, durable);
        if (this.options.atOnce > 1) await this.lettingOldestComeFirst(consumer);
        this.messages = await consumer.consume({ max_messages: max * 2, expires: 5_000, idle_heartbeat: 1_000 });
        // Not awaited: what is stopped closes while it is read, below.
        if (this.stopped) this.messages.stop();
        for await (const message of this.messages) {
          this.buffer.push(message);
          this.wake?.();
        }
      } catch (error) {
        if (!this.stopped) this.logger.warn(`${durable} on ${stream}: ${error instanceof Error ? error.message : String(error)}; trying again`);
      }
      if (!this.stopped) await new Promise((resolve) => setTimeout(resolve, redeliveryDelayMs));
    }
  }

  /** One that an earlier version made with other bounds gets these, and keeps its place. */
  private async ensureConsumer(config: Partial<ConsumerConfig>): Promise<void> {
    const { stream, durable } = this.options;
    try {
      await this.bus.manager.consumers.add(stream, config);
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || error.code !== consumerExists) throw error;
      const { ack_wait, max_ack_pending, filter_subject } = config;
      await this.bus.manager.consumers.update(stream, durable, { ack_wait: ack_wait!, max_ack_pending: max_ack_pending!, ...(filter_subject === undefined ? {} : { filter_subject }) });
    }
  }

  /** What a killed process had taken is waited for, so that nothing newer is taken before it. */
  private async lettingOldestComeFirst(consumer: Consumer): Promise<void> {
    const until = performance.now() + ackWaitMs;
    while (!this.stopped && performance.now() < until && (await consumer.info()).num_ack_pending > 0) await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
  }

  /** Keeps what was taken from being delivered again while it is worked on. Returns its end. */
  private holdOn(batch: readonly JsMsg[]): () => void {
    const timer = setInterval(() => {
      if (this.bus.isConnected) for (const message of [...batch, ...this.buffer]) message.working();
    }, pulseMs);
    return () => clearInterval(timer);
  }

  private async work(): Promise<void> {
    let begunAtMs = -Infinity;
    while (!this.stopped) {
      if (this.buffer.length === 0) {
        await new Promise<void>((resolve) => (this.wake = resolve));
        this.wake = undefined;
        begunAtMs = performance.now();
      }
      // Also while messages come all the time: many small batches would cost more than they do.
      const restMs = begunAtMs + this.options.waitMs - performance.now();
      if (restMs > 0 && this.buffer.length < this.options.atOnce && !this.stopped) await new Promise((resolve) => setTimeout(resolve, restMs));
      if (this.stopped || this.buffer.length === 0) continue;
      begunAtMs = performance.now();
      const batch = this.take();
      const letGo = this.holdOn(batch);
      try {
        await this.options.handle(batch);
        for (const message of batch) message.ack();
      } catch (error) {
        this.logger.error(`${this.options.durable} on ${this.options.stream}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        await this.putOff(batch);
      } finally {
        letGo();
      }
    }
  }

  /** One message at least. */
  private take(): JsMsg[] {
    let bytes = 0;
    const isBeyond = (message: JsMsg, at: number): boolean => at === this.options.atOnce || ((bytes += message.data.length) > bytesAtOnceMax && at > 0);
    const end = this.buffer.findIndex(isBeyond);
    return this.buffer.splice(0, end < 0 ? this.buffer.length : end);
  }

  /**
   * One that stands alone comes back later: nothing waits for it. A batch stays the first: consumers of the same stream that decide
   * by who came first (the books, the log) must see one order.
   */
  private async putOff(batch: JsMsg[]): Promise<void> {
    if (this.options.atOnce === 1) return batch.forEach((message) => message.nak(redeliveryDelayMs));
    this.buffer.unshift(...batch);
    if (this.bus.isConnected) for (const message of this.buffer) message.working();
    if (!this.stopped) await new Promise((resolve) => setTimeout(resolve, redeliveryDelayMs));
  }
}
