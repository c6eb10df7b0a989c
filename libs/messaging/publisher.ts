import { failure } from '#protocol';
import { Bus } from './bus.js';
import { tracedHeaders } from './trace-carrier.js';

/** Durable publications: the promise resolves when JetStream has the message. */
export class Publisher {
  constructor(private readonly bus: Bus) {}

  /** Error: SERVICE_UNAVAILABLE when the stream does not acknowledge in time; the message may still have arrived (its id makes that harmless). */
  async publish(subject: string, payload: Uint8Array | string, options: { id: string; timeoutMs?: number }): Promise<void> {
    if (!this.bus.isConnected) throw failure('SERVICE_UNAVAILABLE', 'the message bus is down; try again shortly');
    try {
      await this.bus.jetstream.publish(subject, payload, { msgID: options.id, timeout: options.timeoutMs ?? 3_000, headers: tracedHeaders() });
    } catch (error) {
      throw failure('SERVICE_UNAVAILABLE', 'the message bus did not acknowledge in time; try again shortly', { subject }, error);
    }
  }
}
