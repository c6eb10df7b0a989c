import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, credsAuthenticator } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { SystemClock, SystemIds } from '#kernel';
import { nodeSubjects, serviceInboxPrefix } from '#protocol';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import { NodeClient, NodeServer } from './index.js';
import type { JobRequest, NodeJobHandler } from './index.js';

const ids = new SystemIds(new SystemClock());
const echo: NodeJobHandler = async (job) => ({ status: 200, contentType: 'text/plain', body: job.body, usage: { inputTokens: 1, outputTokens: 0 } });

describe('the gateway-node protocol over NATS', () => {
  let nats: TestNats;
  let gateway: NatsConnection;
  const closing: (() => unknown)[] = [];
  const dial = (credentials: string, inboxPrefix: string, reconnect = false): Promise<NatsConnection> =>
    connect({ servers: nats.url, authenticator: credsAuthenticator(Buffer.from(credentials)), inboxPrefix, reconnect, reconnectTimeWait: 50, maxReconnectAttempts: -1 });

  beforeAll(async () => {
    nats = await testNats();
    gateway = await dial(nats.credentials.gateway, serviceInboxPrefix('gateway'), true);
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  afterAll(async () => {
    await gateway.close();
    await nats.stop();
  });

  async function nodeWith(handler: NodeJobHandler, node = ids.uuid(), identity = generateKeyPairSync('ed25519')) {
    const connection = await dial(await nats.nodeCredentials(node), nodeSubjects.inboxPrefix(node), true);
    const kept: unknown[] = [];
    const server = NodeServer.connect(connection, { node, identity: identity.privateKey, handler, admit: () => undefined, keepReceipt: async (receipt) => void kept.push(receipt) });
    await connection.flush();
    closing.push(() => (server.close(), connection.close()));
    const nodePublicKey = identity.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
    const job = (body: Buffer): JobRequest => ({ node, nodePublicKey, record: ids.uuid(), offer: node, model: 'm', endpoint: 'embeddings', body, deadlineMs: Date.now() + 20_000 });
    return { node, identity, connection, server, job, kept };
  }
  function client(id = 'gw-1'): NodeClient {
    const made = NodeClient.connect(gateway, id);
    closing.push(() => made.close());
    return made;
  }

  it('carries three MiB there and back with the credentials of a gateway and a node', async () => {
    const { job } = await nodeWith(echo);
    const body = randomBytes(3 * 1024 * 1024);
    expect((await client().run(job(body))).body.equals(body)).toBe(true);
  });

  it('serves several gateways at once, each in its own session', async () => {
    const { job } = await nodeWith(echo);
    const clients = [client('gw-a'), client('gw-b')];
    const bodies = Array.from({ length: 40 }, () => randomBytes(5_000));
    const results = await Promise.all(bodies.map((body, index) => clients[index % 2]!.run(job(body))));
    results.forEach((result, index) => expect(result.body.equals(bodies[index]!)).toBe(true));
  });

  it('says at once that a node is not there: never, or no longer', async () => {
    const { job, connection } = await nodeWith(echo);
    const gateway = client();
    const never = { ...job(Buffer.from('x')), node: ids.uuid() };
    await expect(gateway.run(never)).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', details: { reason: 'no-responders' } });
    await gateway.run(job(Buffer.from('x')));
    // The server has taken note that nobody listens before this resolves.
    await connection.drain();
    await expect(gateway.run(job(Buffer.from('x')))).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', details: { reason: 'no-responders' } });
  });

  it('takes a node that dies in the middle of a job for lost, and finds it again when it is back under new sessions', async () => {
    let begin!: () => void;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const first = await nodeWith((_job, signal) => (begin(), new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))));
    const gateway = client();
    const running = gateway.run(first.job(Buffer.from('x')));
    void begun.then(() => first.connection.close());
    await expect(running).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', details: { reason: 'lost' } });
    const back = await nodeWith(echo, first.node, first.identity);
    await expect(gateway.run(back.job(Buffer.from('again')))).resolves.toMatchObject({ body: Buffer.from('again') });
  });

  it('interrupts the jobs of a gateway that died, and signs for what they did', async () => {
    let interrupted!: () => void;
    const stopped = new Promise<void>((resolve) => (interrupted = resolve));
    async function* words(): AsyncGenerator<Buffer> {
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        yield Buffer.from('word ');
      }
    }
    const { job, kept } = await nodeWith(async (_job, signal) => {
      const used = new Promise<{ inputTokens: number; outputTokens: number }>((resolve) => signal.addEventListener('abort', () => (interrupted(), resolve({ inputTokens: 1, outputTokens: 1 }))));
      return { status: 200, contentType: 'text/event-stream', body: words(), usage: used };
    });
    const doomed = await dial(nats.credentials.gateway, serviceInboxPrefix('gateway'));
    const stream = await NodeClient.connect(doomed, 'gw-doomed').stream(job(Buffer.from('x')));
    const reading = (async () => {
      for await (const piece of stream.body) void piece;
    })();
    reading.catch(() => undefined);
    await doomed.close();
    await stopped;
    for (let tries = 0; kept.length === 0 && tries < 3_000; tries += 1) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(kept).toHaveLength(1);
  });

  it('goes on after the server was killed and came back', async () => {
    const { job } = await nodeWith(echo);
    const gateway = client();
    await gateway.run(job(Buffer.from('before')));
    await nats.kill();
    await nats.restart();
    let after: unknown;
    for (let tries = 0; tries < 3_000 && after === undefined; tries += 1) {
      after = await gateway.run(job(Buffer.from('after'))).catch(() => new Promise((resolve) => setTimeout(resolve, 100)));
    }
    expect(after).toMatchObject({ status: 200 });
  });
});
