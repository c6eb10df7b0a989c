import { readFile } from 'node:fs/promises';
import { connect, credsAuthenticator } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { failure } from '#protocol';

const answerMs = 2_000;
const updateReply = z.object({ data: z.object({ code: z.literal(200) }) });

/** The NATS server's store of account claims, reached with the system account's credential for as long as one piece of work lasts. */
export class ClaimsServer {
  private constructor(
    private readonly connection: NatsConnection,
    private readonly account: string,
  ) {}

  /** Error: SERVICE_UNAVAILABLE when the server cannot be reached or does not accept what it is told. */
  static async with<T>(options: { url: string; credentialsFile: string; account: string }, work: (server: ClaimsServer) => Promise<T>): Promise<T> {
    let connection: NatsConnection | undefined;
    try {
      const authenticator = credsAuthenticator(await readFile(options.credentialsFile));
      connection = await connect({ servers: options.url, name: 'mizan-scheduler-claims', authenticator, inboxPrefix: '_INBOX_system', reconnect: false, timeout: answerMs });
      return await work(new ClaimsServer(connection, options.account));
    } catch (error) {
      throw failure('SERVICE_UNAVAILABLE', 'the message bus did not take the new account claims yet; it is tried again until it does', {}, error);
    } finally {
      await connection?.close();
    }
  }

  /** The account's JWT as the server has it. */
  async lookup(): Promise<string> {
    return (await this.connection.request(`$SYS.REQ.ACCOUNT.${this.account}.CLAIMS.LOOKUP`, '', { timeout: answerMs })).string();
  }

  /** Replaces the account's JWT; connections that it no longer allows are cut. */
  async update(accountJwt: string): Promise<void> {
    const reply = await this.connection.request('$SYS.REQ.CLAIMS.UPDATE', accountJwt, { timeout: answerMs });
    updateReply.parse(reply.json());
  }
}
