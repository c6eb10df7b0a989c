import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SystemClock, SystemIds } from '#kernel';
import { limits, openReceipt } from '#protocol';
import type { SignedReceipt } from '#protocol';
import { NodeClient } from './gateway-side.js';
import type { NodeClientOptions } from './gateway-side.js';
import type { JobRequest } from './job.js';
import { MemoryBus } from './memory-bus.js';
import { NodeServer } from './node-side.js';
import type { NodeJobHandler } from './node-job-handler.js';
import type { NodeServerOptions } from './node-side.js';

const ids = new SystemIds(new SystemClock());
const identity = generateKeyPairSync('ed25519');
const nodePublicKey = identity.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
const node = ids.uuid();
const offer = ids.uuid();
const echo: NodeJobHandler = async (job) => ({ status: 200, contentType: 'application/octet-stream', body: job.body, usage: { inputTokens: job.body.length, outputTokens: 0 } });

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

function serve(bus: MemoryBus, options: Partial<NodeServerOptions> = {}): { server: NodeServer; kept: SignedReceipt[] } {
  const kept: SignedReceipt[] = [];
  const server = new NodeServer(bus, {
    node,
    identity: identity.privateKey,
    handler: echo,
    admit: () => undefined,
    keepReceipt: async (receipt) => void kept.push(receipt),
    pulseMs: 20,
    ...options,
  });
  closing.push(() => server.close());
  return { server, kept };
}

function gatewayOn(bus: MemoryBus, options: NodeClientOptions = {}): NodeClient {
  const client = new NodeClient(bus, 'g1', { silenceMs: 2_000, handshakeMs: 2_000, ...options });
  closing.push(() => client.close());
  return client;
}

const jobOf = (body: Buffer, more: Partial<JobRequest> = {}): JobRequest => ({
  node,
  nodePublicKey,
  record: ids.uuid(),
  offer,
  model: 'm',
  endpoint: 'embeddings',
  body,
  deadlineMs: Date.now() + 10_000,
  ...more,
});

const isFrame = (subject: string): boolean => subject.includes('.frame.');
const forever: NodeJobHandler = (_job, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));

describe('a job over the wire', () => {
  it('comes back with its usage and a receipt over both bodies, kept before the answer ended', async () => {
    const bus = new MemoryBus();
    const { kept } = serve(bus);
    const job = jobOf(Buffer.from('{"input":"x"}'));
    const result = await gatewayOn(bus).run(job);
    expect(result).toMatchObject({ status: 200, contentType: 'application/octet-stream', usage: { inputTokens: 13, outputTokens: 0 } });
    expect(kept).toEqual([result.receipt]);
    const hash = createHash('sha256').update(job.body).digest('hex');
    expect(openReceipt(result.receipt, nodePublicKey)).toMatchObject({ record: job.record, node, offer, requestHash: hash, responseHash: hash });
  });

  it('carries bodies from nothing to three MiB unchanged, in chunks, within credit', async () => {
    const bus = new MemoryBus();
    serve(bus);
    const client = gatewayOn(bus, { silenceMs: 5_000 });
    const chunk = limits.chunkBytes;
    const sizes = [0, 1, chunk - 1, chunk, chunk + 1, 8 * chunk, 3 * 1024 * 1024];
    for (const size of [...sizes, ...fc.sample(fc.integer({ min: 1, max: 3 * 1024 * 1024 }), 5)]) {
      const body = randomBytes(size);
      expect((await client.run(jobOf(body))).body.equals(body)).toBe(true);
    }
    expect(Math.max(...bus.seen.map(({ payload }) => payload.length))).toBeLessThan(chunk + 64);
  });

  it('stops sending after a window until credit returns, in both directions', async () => {
    const bus = new MemoryBus();
    const large = (payload: Buffer): boolean => payload.length > limits.chunkBytes;
    const size = 3 * 1024 * 1024;
    const count = (way: string): number => bus.seen.filter(({ subject, payload }) => subject.includes(way) && large(payload)).length;
    // Small frames from the node (credit among them) are lost: the gateway's body stalls at a window.
    serve(bus);
    bus.tap = (subject, payload) => (subject.includes('.up.frame') && !large(payload) ? undefined : payload);
    await expect(gatewayOn(bus, { silenceMs: 1_500, handshakeMs: 1_500 }).run(jobOf(randomBytes(size)))).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
    expect(count('.down.')).toBe(limits.creditWindow);
    // Nothing more from the gateway (credit among it) once the answer has begun: the node's body stalls at a window.
    const other = new MemoryBus();
    serve(other, { handler: async () => ({ status: 200, contentType: 'x', body: randomBytes(size), usage: { inputTokens: 0, outputTokens: 0 } }) });
    let answering = false;
    other.tap = (subject, payload) => {
      answering ||= subject.includes('.up.') && large(payload);
      return answering && subject.includes('.down.') ? undefined : payload;
    };
    await expect(gatewayOn(other, { silenceMs: 10_000, handshakeMs: 1_500 }).run(jobOf(Buffer.from('a'), { deadlineMs: Date.now() + 1_500 }))).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(other.seen.filter(({ subject, payload }) => subject.includes('.up.') && large(payload))).toHaveLength(limits.creditWindow);
  });

  it('runs many jobs at once over one session', async () => {
    const bus = new MemoryBus();
    serve(bus);
    const client = gatewayOn(bus, { silenceMs: 5_000 });
    const bodies = Array.from({ length: 50 }, (_, index) => randomBytes(index * 9_000));
    const results = await Promise.all(bodies.map((body) => client.run(jobOf(body))));
    results.forEach((result, index) => expect(result.body.equals(bodies[index]!)).toBe(true));
    expect(new Set(bus.seen.filter(({ subject }) => subject.includes('.down.frame.')).map(({ subject }) => subject)).size).toBe(1);
  });

  it('shows an eavesdropper no plaintext', async () => {
    const bus = new MemoryBus();
    serve(bus);
    const secret = 'DE89 3704 0044 0532 0130 00';
    await gatewayOn(bus).run(jobOf(Buffer.from(secret.repeat(10)), { model: 'secret-model' }));
    const everything = Buffer.concat(bus.seen.map(({ payload }) => payload)).toString('latin1');
    expect(everything).not.toContain('DE89');
    expect(everything).not.toContain('secret-model');
  });

  it('is not disturbed by tampered and repeated copies of its messages', async () => {
    const bus = new MemoryBus();
    serve(bus);
    bus.tap = (subject, payload) => {
      if (!isFrame(subject)) return payload;
      const tampered = Buffer.from(payload);
      tampered[tampered.length - 1]! ^= 1;
      return [tampered, payload, payload];
    };
    const body = randomBytes(600_000);
    expect((await gatewayOn(bus).run(jobOf(body))).body.equals(body)).toBe(true);
  });

  it('fails over as lost when a message is missing or reordered, and the next job gets a new session', async () => {
    const bus = new MemoryBus();
    serve(bus);
    const client = gatewayOn(bus);
    const held: Buffer[] = [];
    bus.tap = (subject, payload) => {
      if (!subject.includes('.up.frame') || held.length > 0) return payload;
      held.push(payload);
      return undefined;
    };
    await expect(client.run(jobOf(Buffer.from('a')))).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', details: { reason: 'lost' } });
    await expect(client.run(jobOf(Buffer.from('b')))).resolves.toMatchObject({ status: 200 });
  });

  it('opens a new session by itself when the node was started anew', async () => {
    const bus = new MemoryBus();
    const first = serve(bus);
    const client = gatewayOn(bus);
    await client.run(jobOf(Buffer.from('a')));
    first.server.close();
    serve(bus);
    const bodies = ['b', 'c', 'd'].map((text) => Buffer.from(text));
    expect((await Promise.all(bodies.map((body) => client.run(jobOf(body))))).map(({ body }) => body)).toEqual(bodies);
  });

  it('takes one message each way once both sides are known to read joined frames', async () => {
    const bus = new MemoryBus();
    serve(bus);
    const client = gatewayOn(bus);
    await client.run(jobOf(Buffer.from('a')));
    bus.seen.length = 0;
    await Promise.all(['b', 'c', 'd'].map((text) => client.run(jobOf(Buffer.from(text)))));
    expect(bus.seen.map(({ subject }) => subject.split('.')[2])).toEqual(['down', 'up']);
  });
});

describe('what can go wrong', () => {
  it('is told at once when nobody listens, before and after a session was open', async () => {
    const bus = new MemoryBus();
    const client = gatewayOn(bus, { silenceMs: 60_000, handshakeMs: 60_000 });
    await expect(client.run(jobOf(Buffer.from('a')))).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', details: { reason: 'no-responders' } });
    const { server } = serve(bus);
    await client.run(jobOf(Buffer.from('a')));
    server.close();
    await expect(client.run(jobOf(Buffer.from('a')))).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', details: { reason: 'no-responders' } });
  });

  it('is busy when the node says so', async () => {
    const bus = new MemoryBus();
    serve(bus, { admit: () => ({ code: 'BUSY', message: '4 of 4 places are taken' }) });
    await expect(gatewayOn(bus).run(jobOf(Buffer.from('a')))).rejects.toMatchObject({ code: 'NODE_BUSY' });
  });

  it("passes the engine's refusal on, without a receipt", async () => {
    const bus = new MemoryBus();
    const { kept } = serve(bus, { handler: async () => ({ status: 400, contentType: 'application/json', body: Buffer.from('{"error":1}'), usage: { inputTokens: 0, outputTokens: 0 } }) });
    await expect(gatewayOn(bus).run(jobOf(Buffer.from('a')))).rejects.toMatchObject({ code: 'ENGINE_REFUSED', details: { status: 400, contentType: 'application/json', body: '{"error":1}' } });
    expect(kept).toEqual([]);
  });

  it('says when the engine wants to be asked again, and takes the salt of its cache to it', async () => {
    const bus = new MemoryBus();
    const salts: (string | undefined)[] = [];
    const handler: NodeJobHandler = async ({ cacheSalt }) => {
      salts.push(cacheSalt);
      return { status: 429, contentType: 'application/json', retryAfterMs: 1_500, body: Buffer.from('{}'), usage: { inputTokens: 0, outputTokens: 0 } };
    };
    serve(bus, { handler });
    const client = gatewayOn(bus);
    await expect(client.run(jobOf(Buffer.from('a'), { cacheSalt: 'pepper' }))).rejects.toMatchObject({ code: 'ENGINE_REFUSED', details: { status: 429, retryAfterMs: 1_500 } });
    await expect(client.run(jobOf(Buffer.from('a')))).rejects.toMatchObject({ code: 'ENGINE_REFUSED' });
    expect(salts).toEqual(['pepper', undefined]);
  });

  it.each([
    ['throws', (async () => Promise.reject(new Error('out of memory at 0x1')))],
    ['answers 503', (async () => ({ status: 503, contentType: 'text/plain', body: Buffer.from('no'), usage: { inputTokens: 0, outputTokens: 0 } }))],
  ])('is ENGINE_FAILED when the engine %s, and tells nothing of its insides', async (_how, handler) => {
    const bus = new MemoryBus();
    serve(bus, { handler });
    const failed = gatewayOn(bus).run(jobOf(Buffer.from('a')));
    await expect(failed).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    await expect(failed).rejects.not.toThrow(/0x1/);
  });

  it('is lost when the pulse stops, and not while it beats', async () => {
    const bus = new MemoryBus();
    serve(bus, { handler: async (job, signal) => (await new Promise((resolve) => setTimeout(resolve, 400)), echo(job, signal)) });
    const client = gatewayOn(bus);
    await expect(client.run(jobOf(Buffer.from('slow')))).resolves.toMatchObject({ status: 200 });
    const running = client.run(jobOf(Buffer.from('slow')));
    await new Promise((resolve) => setTimeout(resolve, 50));
    bus.tap = (subject, payload) => (subject.includes('.up.') ? undefined : payload);
    await expect(running).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', details: { reason: 'lost' } });
  });

  it('ends at the deadline on both sides', async () => {
    const bus = new MemoryBus();
    const { server } = serve(bus, { handler: forever });
    await expect(gatewayOn(bus).run(jobOf(Buffer.from('a'), { deadlineMs: Date.now() + 60 }))).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await server.drain();
    expect(server.runningJobs).toBe(0);
  });

  it('is cancelled on the node when the signal aborts', async () => {
    const bus = new MemoryBus();
    const aborted = new Promise<void>((resolve) => {
      serve(bus, { handler: (job, signal) => (signal.addEventListener('abort', () => resolve()), forever(job, signal)) });
    });
    const cancel = new AbortController();
    const running = gatewayOn(bus).run(jobOf(Buffer.from('a'), { signal: cancel.signal }));
    setTimeout(() => cancel.abort(new Error('the client went away')), 50);
    await expect(running).rejects.toThrow('the client went away');
    await aborted;
  });

  it('is NODE_PROTOCOL when another node answers in its place', async () => {
    const bus = new MemoryBus();
    serve(bus, { identity: generateKeyPairSync('ed25519').privateKey });
    await expect(gatewayOn(bus).run(jobOf(Buffer.from('a')))).rejects.toMatchObject({ code: 'NODE_PROTOCOL' });
  });

  it('refuses an unknown version with a clear sentence', async () => {
    const bus = new MemoryBus();
    serve(bus);
    const reply = await bus.request(`node.${node}.down.session`, Buffer.from('{"v":2}'), 10_000);
    expect(JSON.parse(Buffer.from(reply).toString())).toEqual({ v: 1, error: { code: 'VERSION_UNSUPPORTED', message: 'the peer speaks version 2 of the node protocol; this side speaks version 1' } });
  });

  it('drains: running jobs end, new ones are refused', async () => {
    const bus = new MemoryBus();
    const { server } = serve(bus, { handler: async (job, signal) => (await new Promise((resolve) => setTimeout(resolve, 100)), echo(job, signal)) });
    const client = gatewayOn(bus);
    const running = client.run(jobOf(Buffer.from('a')));
    await new Promise((resolve) => setTimeout(resolve, 30));
    const drained = server.drain();
    await expect(client.run(jobOf(Buffer.from('b')))).rejects.toMatchObject({ code: 'NODE_BUSY' });
    await expect(running).resolves.toMatchObject({ status: 200 });
    await drained;
  });
});
