import { createInbox, RequestError, TimeoutError } from '@nats-io/transport-node';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import { failure } from '#protocol';
import { WireBus } from './bus.js';
import type { WireMessage } from './bus.js';

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const fromNats = (msg: Msg): WireMessage => ({
  subject: msg.subject,
  payload: asBuffer(msg.data),
  reply: msg.reply === '' ? undefined : msg.reply,
  noResponders: msg.data.length === 0 && msg.headers?.code === 503,
});

/** The bus over a NATS connection. `inboxPrefix` is the one that the credential may subscribe to. */
export class NatsBus extends WireBus {
  constructor(
    private readonly connection: NatsConnection,
    private readonly inboxPrefix: string,
  ) {
    super();
  }

  publish(subject: string, payload: Uint8Array, reply?: string): void {
    this.connection.publish(subject, payload, reply === undefined ? undefined : { reply });
  }

  subscribe(subject: string, receive: (message: WireMessage) => void): () => void {
    const subscription = this.connection.subscribe(subject, {
      callback: (error, msg) => {
        if (error === null) receive(fromNats(msg));
      },
    });
    return () => subscription.unsubscribe();
  }

  async request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    try {
      return (await this.connection.request(subject, payload, { timeout: timeoutMs })).data;
    } catch (error) {
      throw failure('NODE_UNREACHABLE', 'the node does not answer', { reason: reasonOf(error) }, error);
    }
  }

  inbox(): string {
    return createInbox(this.inboxPrefix);
  }
}

function reasonOf(error: unknown): 'no-responders' | 'timeout' | 'disconnected' {
  if (error instanceof RequestError && error.isNoResponders()) return 'no-responders';
  return error instanceof TimeoutError ? 'timeout' : 'disconnected';
}
