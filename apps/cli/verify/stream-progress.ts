import { readFile } from 'node:fs/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import type { JetStreamManager } from '@nats-io/jetstream';
import { connect, credsAuthenticator } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { serviceInboxPrefix } from '#protocol';
import type { StreamName } from '#protocol';
import { unsettled } from './problem.js';
import type { Problem } from './problem.js';

/** How far the services have followed the durable streams, read with a credential that sees stream states only. */
export class StreamProgress {
  /** The end of a stream at the first look: traffic that came later is not waited for. */
  private readonly targets = new Map<StreamName, number>();

  private constructor(
    private readonly connection: NatsConnection,
    private readonly manager: JetStreamManager,
  ) {}

  /** `creds`: path of a credentials file. Error: what the client says when the server cannot be reached. */
  static async connect(url: string, creds: string): Promise<StreamProgress> {
    const connection = await connect({
      servers: url,
      name: 'mizan-verify',
      authenticator: credsAuthenticator(await readFile(creds)),
      inboxPrefix: serviceInboxPrefix('verify'),
      reconnect: false,
      timeout: 5_000,
    });
    return new StreamProgress(connection, await jetstreamManager(connection, { checkAPI: false, timeout: 5_000 }));
  }

  /** What of a stream its durable consumers have not taken in yet. */
  async behind(stream: StreamName, durables: readonly string[]): Promise<Problem[]> {
    const { state } = await this.manager.streams.info(stream);
    const target = this.targets.get(stream) ?? state.last_seq;
    this.targets.set(stream, target);
    const problems = await Promise.all(durables.map((durable) => this.lagOf(stream, durable, target, state.first_seq)));
    return problems.flatMap((problem) => problem ?? []);
  }

  private async lagOf(stream: StreamName, durable: string, target: number, firstSeq: number): Promise<Problem | undefined> {
    if (target < firstSeq) return undefined; // nothing is in the stream
    const info = await this.manager.consumers.info(stream, durable).catch(() => undefined);
    const done = Math.max(info?.ack_floor.stream_seq ?? 0, firstSeq - 1);
    if (info && (done >= target || (info.num_pending === 0 && info.num_ack_pending === 0))) return undefined;
    return unsettled(`behind ${stream} ${durable}`, `${durable} has ${target - done} messages of ${stream} still to take in`);
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}
