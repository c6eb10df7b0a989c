import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import jwt from '@nats-io/jwt';
import type { Account } from '@nats-io/jwt';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, credsAuthenticator } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { pino } from 'pino';
import { z } from 'zod';
import { SystemClock, SystemIds } from '#kernel';
import { enrolmentBytes, enrolmentRequest, isSignedBy, nodeSubjects, openReceipt, serviceInboxPrefix } from '#protocol';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import { NodeClient } from '#wire';
import type { JobRequest } from '#wire';
import { embeddedModel } from './engine/embedding-request.js';
import { nodeKeys } from './keys/node-keys.js';
import { readOptions } from './node-options.js';
import { runNode } from './run-node.js';
import type { RunningNode } from './run-node.js';

const ids = new SystemIds(new SystemClock());
const logger = pino({ level: 'silent' });
const soon = async (condition: () => boolean): Promise<void> => {
  for (const until = Date.now() + 60_000; !condition() && Date.now() < until; ) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(condition()).toBe(true);
};

/** An HTTP server on loopback. */
async function listen(answer: (path: string, body: string, response: ServerResponse) => void): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => answer(request.url ?? '', body, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
const json = (response: ServerResponse, status: number, body: unknown): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

describe('a node', () => {
  let nats: TestNats;
  let gateway: NatsConnection;
  let spy: NatsConnection;
  let client: NodeClient;
  let hub: { server: Server; url: string };
  let engine: { server: Server; url: string };
  let directory: string;
  let running: RunningNode | undefined;
  let enrolments: z.output<typeof enrolmentRequest>[];
  const id = { node: '', embed: '', chat: '' };
  /** Answers of the slow engine that wait to be let go. */
  const held: (() => void)[] = [];
  const receipts: { subject: string; json: () => unknown }[] = [];
  const beats: string[] = [];

  beforeAll(async () => {
    nats = await testNats();
    const as = (credentials: string, inboxPrefix: string) => connect({ servers: nats.url, authenticator: credsAuthenticator(Buffer.from(credentials)), inboxPrefix, reconnectTimeWait: 20, maxReconnectAttempts: -1 });
    gateway = await as(nats.credentials.gateway, serviceInboxPrefix('gateway'));
    const everything = { publish: ['node.*.down.settled', '$SYS.REQ.>'], subscribe: ['node.>', '_INBOX_spy.>'], responses: false };
    spy = await as(await nats.credentialsWith('spy', everything), '_INBOX_spy');
    spy.subscribe('node.*.up.receipt', { callback: (_error, message) => void receipts.push({ subject: message.subject, json: () => message.json() }) });
    spy.subscribe('node.*.up.heartbeat', { callback: (_error, message) => void beats.push(message.subject) });
    client = NodeClient.connect(gateway, 'gw-1');
    hub = await listen((path, body, response) => {
      const request = z.decode(enrolmentRequest, JSON.parse(body) as never);
      if (path !== '/v1/nodes/enrol' || request.token !== 'a-token-of-sixteen') return json(response, 403, { error: { code: 'ENROLMENT_INVALID', message: 'the token is not known' } });
      enrolments.push(request);
      const seed = new TextDecoder().decode(nodeKeys(directory).natsSeed);
      void nats.nodeCredentials(id.node, seed).then((credentials) => {
        const natsJwt = /JWT-----\n([^\n]+)/.exec(credentials)![1]!;
        json(response, 200, { node: id.node, natsUrl: nats.url, natsJwt, offers: [{ id: id.embed, model: embeddedModel }, { id: id.chat, model: 'chatty' }] });
      });
    });
    engine = await listen((path, body, response) => {
      if (path === '/v1/models') return json(response, 200, { data: [{ id: 'chatty' }] });
      held.push(() => json(response, 200, { echo: body, usage: { prompt_tokens: 3, completion_tokens: 2 } }));
    });
  });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'node-'));
    Object.assign(id, { node: ids.uuid(), embed: ids.uuid(), chat: ids.uuid() });
    enrolments = [];
    receipts.length = 0;
    beats.length = 0;
  });
  afterEach(async () => {
    for (const release of held.splice(0)) release();
    await running?.stop();
    running = undefined;
    rmSync(directory, { recursive: true, force: true });
  });
  afterAll(async () => {
    client.close();
    await Promise.all([gateway.close(), spy.close()]);
    for (const { server } of [hub, engine]) server.close();
    await nats.stop();
  });

  const options = (more: Record<string, unknown> = {}) =>
    readOptions({ dir: directory, hub: hub.url, token: 'a-token-of-sixteen', name: 'n', region: 'eu-frankfurt', country: 'DE', jurisdiction: 'EU', priceInput: '0.02', priceOutput: '0', capacity: '2', engine: ['embedded', engine.url], ...more });
  const start = async (more: Record<string, unknown> = {}): Promise<RunningNode> => (running = await runNode(options(more), logger));
  const job = (more: Partial<JobRequest> = {}): JobRequest => ({
    node: id.node,
    nodePublicKey: nodeKeys(directory).publicKey,
    record: ids.uuid(),
    offer: id.embed,
    model: embeddedModel,
    endpoint: 'embeddings',
    body: Buffer.from(JSON.stringify({ model: embeddedModel, input: ['one', 'two'] })),
    deadlineMs: Date.now() + 20_000,
    ...more,
  });
  const chat = (): JobRequest => job({ offer: id.chat, model: 'chatty', endpoint: 'chat.completions', body: Buffer.from('{"model":"chatty","messages":[]}') });

  it('enrols with its word signed, beats, embeds, and brings its receipt to the stream', async () => {
    await start();
    const [{ signature, ...unsigned }] = enrolments as [z.output<typeof enrolmentRequest>];
    const keys = nodeKeys(directory);
    expect(isSignedBy(keys.publicKey, enrolmentBytes(unsigned), signature)).toBe(true);
    expect(unsigned).toMatchObject({ facts: { region: 'eu-frankfurt', country: 'DE', jurisdiction: 'EU' }, publicKey: keys.publicKey, natsPublicKey: keys.natsPublicKey });
    expect(unsigned.asks).toEqual([
      { model: embeddedModel, endpoints: ['embeddings'], capacity: 2, inputNanosPerMillion: 20_000_000n, outputNanosPerMillion: 0n },
      { model: 'chatty', endpoints: ['chat.completions', 'completions'], capacity: 2, inputNanosPerMillion: 20_000_000n, outputNanosPerMillion: 0n },
    ]);
    const request = job();
    const result = await client.run(request);
    const answer = JSON.parse(result.body.toString()) as { data: { embedding: number[] }[]; usage: { prompt_tokens: number } };
    expect(answer.data.map(({ embedding }) => embedding.length)).toEqual([512, 512]);
    expect(result.usage).toEqual({ inputTokens: answer.usage.prompt_tokens, outputTokens: 0 });
    await soon(() => receipts.length === 1 && beats.length > 0);
    expect(receipts[0]!.subject).toBe(nodeSubjects.receipt(id.node));
    expect(receipts[0]!.json()).toEqual(result.receipt);
    expect(openReceipt(result.receipt, keys.publicKey)).toMatchObject({ record: request.record, node: id.node });
  });

  it("uses the engine's own usage and passes its refusals on", async () => {
    await start();
    const running = client.run(chat());
    await soon(() => held.length === 1);
    held.shift()!();
    await expect(running).resolves.toMatchObject({ status: 200, usage: { inputTokens: 3, outputTokens: 2 } });
    await expect(client.run(job({ body: Buffer.from(JSON.stringify({ model: embeddedModel, input: [1, 2] })) }))).rejects.toMatchObject({
      code: 'ENGINE_REFUSED',
      details: { status: 400, body: expect.stringContaining('Token arrays') },
    });
    await expect(client.run(job({ offer: ids.uuid() }))).rejects.toMatchObject({ code: 'NODE_PROTOCOL' });
  });

  it('needs no token at the next start, keeps its identity, and sends unsettled receipts again until they are settled', async () => {
    const publicKey = nodeKeys(directory).publicKey;
    await start();
    const { receipt } = await client.run(job());
    await soon(() => receipts.length === 1);
    await running!.stop();
    await start({ hub: undefined, token: undefined });
    expect(enrolments).toHaveLength(1);
    expect(nodeKeys(directory).publicKey).toBe(publicKey);
    await soon(() => receipts.length === 2);
    expect(receipts[1]!.json()).toEqual(receipt);
    spy.publish(nodeSubjects.settled(id.node), JSON.stringify({ records: [openReceipt(receipt, publicKey)!.record] }));
    await spy.flush();
    await soon(() => readFileSync(join(directory, 'receipts.jsonl'), 'utf8').includes('"settled"'));
    await running!.stop();
    await start();
    await client.run(job());
    await soon(() => receipts.length === 3);
    expect(receipts[2]!.json()).not.toEqual(receipt);
  });

  it('is busy above its capacity and takes jobs again when a place is free', async () => {
    await start();
    const [one, two] = [client.run(chat()), client.run(chat())];
    await soon(() => held.length === 2);
    await expect(client.run(job())).rejects.toMatchObject({ code: 'NODE_BUSY' });
    held.shift()!();
    held.shift()!();
    await Promise.all([one, two]);
    await expect(client.run(job())).resolves.toMatchObject({ status: 200 });
  });

  it('ends running jobs before it leaves, and takes no new ones meanwhile', async () => {
    const node = await start();
    const last = client.run(chat());
    await soon(() => held.length === 1);
    const stopped = node.stop();
    running = undefined;
    await expect(client.run(job())).rejects.toMatchObject({ code: 'NODE_BUSY' });
    held.shift()!();
    await expect(last).resolves.toMatchObject({ status: 200 });
    await stopped;
    await expect(client.run(job())).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
  });

  it('keeps the receipt of work whose answer nobody could take, and sends it when the server is back', async () => {
    await start();
    const request = chat();
    const lost = client.run(request);
    await soon(() => held.length === 1);
    await nats.kill();
    held.shift()!();
    await expect(lost).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
    await nats.restart();
    // The stream keeps it, whoever was listening at that moment.
    const verifier = await connect({ ...{ waitOnFirstConnect: true, maxReconnectAttempts: -1, reconnectTimeWait: 250, timeout: 5_000 }, servers: nats.url, authenticator: credsAuthenticator(Buffer.from(nats.credentials.verify)), inboxPrefix: serviceInboxPrefix('verify') });
    const manager = await jetstreamManager(verifier, { checkAPI: false });
    let kept: Record<string, number> | undefined;
    for (let tries = 0; tries < 300 && !kept?.[nodeSubjects.receipt(id.node)]; tries += 1) {
      kept = (await manager.streams.info('RECEIPTS', { subjects_filter: nodeSubjects.receipt(id.node) })).state.subjects;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await verifier.close();
    expect(kept?.[nodeSubjects.receipt(id.node)]).toBeGreaterThan(0);
  });

  it('says why when it cannot join: no token, a wrong one, or no hub', async () => {
    await expect(start({ token: undefined })).rejects.toMatchObject({ code: 'REQUEST_INVALID', message: expect.stringMatching(/--hub and --token/) });
    await expect(start({ token: 'another-token-of-some' })).rejects.toMatchObject({ code: 'ENROLMENT_INVALID', message: 'the token is not known' });
    await expect(start({ engine: ['x402+https://shop.example'] })).rejects.toMatchObject({ code: 'REQUEST_INVALID', message: expect.stringMatching(/--x402-rpc, --x402-key, --x402-assets/) });
    await expect(start({ hub: 'http://127.0.0.1:1' })).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  });

  it('ends when its credential is revoked', async () => {
    const node = await start();
    const system = await connect({ servers: nats.url, authenticator: credsAuthenticator(Buffer.from(nats.systemCredentials)), inboxPrefix: '_INBOX_system' });
    const { name, sub, nats: account } = jwt.decode<Account>(nats.operator.accountJwt);
    const revocations = { [nodeKeys(directory).natsPublicKey]: Math.ceil(Date.now() / 1000) };
    const signer = new TextEncoder().encode(nats.operator.seeds.operator);
    await system.request('$SYS.REQ.CLAIMS.UPDATE', await jwt.encodeAccount(name, sub, { ...account, revocations }, { algorithm: jwt.Algorithms.v2, signer }));
    expect((await node.ended)?.message).toMatch(/authorization|authentication|revoked/i);
    await system.close();
  });
});
