import { readFile } from 'node:fs/promises';
import { connect, credsAuthenticator } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { serviceInboxPrefix } from '#protocol';
import type { CredentialName } from '#protocol';

export interface BusOptions {
  url: string;
  /** Path of a NATS credentials file, or its text. */
  creds: string;
  name: CredentialName;
}

/** One process's connection to NATS: reconnects for ever, and knows whether it is connected now. */
export class Bus {
  private connected = true;
  readonly jetstream: JetStreamClient;

  private constructor(
    readonly connection: NatsConnection,
    readonly manager: JetStreamManager,
    readonly name: CredentialName,
  ) {
    this.jetstream = jetstream(connection, { timeout: 3_000 });
    void this.followStatus();
  }

  static async connect(options: BusOptions): Promise<Bus> {
    const creds = options.creds.includes('BEGIN NATS USER JWT') ? Buffer.from(options.creds) : await readFile(options.creds);
    const connection = await connect({
      servers: options.url,
      name: `mizan-${options.name}`,
      authenticator: credsAuthenticator(creds),
      inboxPrefix: serviceInboxPrefix(options.name),
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      pingInterval: 5_000,
      maxPingOut: 2,
      // A stack for each request, in case it fails, costs more than the request; errors are told by subject.
      noAsyncTraces: true,
    });
    const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 3_000 });
    return new Bus(connection, manager, options.name);
  }

  get isConnected(): boolean {
    return this.connected && !this.connection.isClosed();
  }

  /** Calls back at each reconnection, when server-side state of the old connection is gone. */
  onReconnect(listener: () => void): void {
    this.reconnectListeners.push(listener);
  }

  async close(): Promise<void> {
    if (!this.connection.isClosed()) await this.connection.drain().catch(() => this.connection.close());
  }

  private readonly reconnectListeners: (() => void)[] = [];

  private async followStatus(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') this.connected = false;
      if (status.type === 'reconnect') {
        this.connected = true;
        for (const listener of this.reconnectListeners) listener();
      }
    }
  }
}
