import { connect, credsAuthenticator, jwtAuthenticator, PermissionViolationError } from '@nats-io/transport-node';
import type { Authenticator, NatsConnection } from '@nats-io/transport-node';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { nodeSubjects, serviceInboxPrefix } from '#protocol';
import type { CredentialName } from '#protocol';

/** Someone who holds a credential of the stack and tries what it is not for. */
export class Trespasser {
  private readonly refusals: PermissionViolationError[] = [];

  private constructor(private readonly connection: NatsConnection) {
    void this.listen();
  }

  static async withCredential(url: string, name: CredentialName, file: string): Promise<Trespasser> {
    return Trespasser.enter(url, credsAuthenticator(readFileSync(file)), serviceInboxPrefix(name));
  }

  /** With what lies in a node's own directory. */
  static async asNode(url: string, node: { id: string; directory: string }): Promise<Trespasser> {
    const { natsJwt } = JSON.parse(readFileSync(join(node.directory, 'enrolment.json'), 'utf8')) as { natsJwt: string };
    return Trespasser.enter(url, jwtAuthenticator(natsJwt, readFileSync(join(node.directory, 'nats.seed'))), nodeSubjects.inboxPrefix(node.id));
  }

  private static async enter(servers: string, authenticator: Authenticator, inboxPrefix: string): Promise<Trespasser> {
    return new Trespasser(await connect({ servers, authenticator, inboxPrefix, reconnect: false, timeout: 5_000 }));
  }

  /** Whether the server refuses a publication. */
  async isRefusedToPublish(subject: string): Promise<boolean> {
    this.connection.publish(subject, '{}');
    return this.wasRefused('publish', subject);
  }

  async isRefusedToSubscribe(subject: string): Promise<boolean> {
    const subscription = this.connection.subscribe(subject, { callback: () => undefined });
    const refused = await this.wasRefused('subscription', subject);
    subscription.unsubscribe();
    return refused;
  }

  /** Resolves when the server has cut the connection. */
  cut(): Promise<void | Error> {
    return this.connection.closed();
  }

  async leave(): Promise<void> {
    await this.connection.close();
  }

  /** The server answers in order: a refusal is there before the answer to the ping. */
  private async wasRefused(operation: 'publish' | 'subscription', subject: string): Promise<boolean> {
    await this.connection.flush();
    await turn();
    return this.refusals.some((refusal) => refusal.operation === operation && refusal.subject === subject);
  }

  private async listen(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'error' && status.error instanceof PermissionViolationError) this.refusals.push(status.error);
    }
  }
}
