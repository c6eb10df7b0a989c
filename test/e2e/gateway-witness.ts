import { connect, credsAuthenticator } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { readFileSync } from 'node:fs';
import { userCredentials } from '#local';
import type { NatsOperator } from '#local';
import { openReceipt, receiptBody, recordCommit } from '#protocol';
import type { LogRecord } from '#protocol';
import type { StandaloneStack } from './standalone-stack.js';

/** Hears every message of the stack, as only the NATS operator can. */
export class Witness {
  private constructor(private readonly connection: NatsConnection) {}

  static async of(stack: StandaloneStack): Promise<Witness> {
    const operator = JSON.parse(readFileSync(stack.path('nats', 'operator.json'), 'utf8')) as NatsOperator;
    const credentials = await userCredentials(operator, 'witness', { publish: [], subscribe: ['>'], responses: false });
    return new Witness(await connect({ servers: stack.run.natsUrl, authenticator: credsAuthenticator(new TextEncoder().encode(credentials)), maxReconnectAttempts: -1, reconnectTimeWait: 100 }));
  }

  /** Calls back for each record of a gateway in the moment that the server passes it on. */
  onRecord(tell: (record: LogRecord) => void): () => void {
    return this.on('mizan.record.gateway', (data) => {
      for (const record of recordCommit.parse(JSON.parse(data)).records) tell(record);
    });
  }

  /** Calls back with the record of each receipt that a node brings out: it has answered by then. */
  onReceipt(tell: (record: string) => void): () => void {
    return this.on('node.*.up.receipt', (data) => {
      const { bytes } = JSON.parse(data) as Parameters<typeof openReceipt>[0];
      tell(receiptBody.parse(JSON.parse(Buffer.from(bytes, 'base64').toString('utf8'))).record);
    });
  }

  /** Resolves when the server has taken note of what was asked for. */
  async listens(): Promise<void> {
    await this.connection.flush();
  }

  async leave(): Promise<void> {
    await this.connection.close();
  }

  private on(subject: string, tell: (data: string) => void): () => void {
    const subscription = this.connection.subscribe(subject, { callback: (error, message) => (error === null ? tell(message.string()) : undefined) });
    return () => subscription.unsubscribe();
  }
}
