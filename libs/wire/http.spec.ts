import { generateKeyPairSync } from 'node:crypto';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Agent } from 'undici';
import { SystemClock, SystemIds } from '#kernel';
import { limits, nodeSubjects, openReceipt } from '#protocol';
import type { SignedReceipt } from '#protocol';
import { encodeFrame, FrameType } from './frame.js';
import { NodeClient } from './gateway-side.js';
import { httpDial } from './http-dial.js';
import { HttpDoor } from './http-door.js';
import type { JobRequest } from './job.js';
import { MemoryBus } from './memory-bus.js';
import { messageBytesMax, MessageStream, prefixed } from './message-stream.js';
import { NodeServer } from './node-side.js';
import type { NodeJobHandler } from './node-job-handler.js';
import { offerSession } from './session.js';

const ids = new SystemIds(new SystemClock());
const identity = generateKeyPairSync('ed25519');
const nodePublicKey = identity.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
const node = ids.uuid();
const usage = { inputTokens: 1, outputTokens: 1 };
const echo: NodeJobHandler = async (job) => ({ status: 200, contentType: 'application/octet-stream', body: job.body, usage });
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

class MovedClock extends SystemClock {
  aheadMs = 0;
  override monotonicMs(): number {
    return super.monotonicMs() + this.aheadMs;
  }
}

/** A gateway and a node that have a bus between them, and the node's door. */
async function pair(handler: NodeJobHandler = echo, { pulseMs = 50, silenceMs = 10_000, doorTimes = {} }: { pulseMs?: number; silenceMs?: number; doorTimes?: Parameters<typeof HttpDoor.listen>[2] } = {}) {
  const bus = new MemoryBus();
  const clock = new MovedClock();
  const kept: SignedReceipt[] = [];
  const server = new NodeServer(bus, { node, identity: identity.privateKey, handler, admit: () => undefined, keepReceipt: async (receipt) => void kept.push(receipt), pulseMs });
  const door = await HttpDoor.listen('127.0.0.1', 0, doorTimes);
  door.serve(server);
  const agent = new Agent();
  const client = new NodeClient(bus, 'g1', { silenceMs, clock, dial: httpDial(agent, (url) => new URL(url)) });
  closing.push(() => agent.destroy(), () => door.close(), () => server.close(), () => client.close());
  const url = `http://127.0.0.1:${door.port}`;
  return { bus, clock, kept, server, door, client, url, onBus: () => bus.seen.filter(({ subject }) => subject.includes('.frame.')).length };
}

const jobOf = (url: string, more: Partial<JobRequest> = {}): JobRequest => ({
  node, nodePublicKey, url, record: ids.uuid(), offer: ids.uuid(), model: 'm', endpoint: 'embeddings', body: Buffer.from('what is asked'), deadlineMs: Date.now() + 60_000, ...more,
});

/** Passes bytes on to a port; `change` sees what comes back, and all is cut when something is not let through. */
async function between(port: number, change: (bytes: Buffer, nth: number) => Buffer = (bytes) => bytes, through: () => boolean = () => true) {
  const seen: Buffer[] = [];
  const open = new Set<Socket>();
  const proxy: Server = createServer((down) => {
    const up = connect(port, '127.0.0.1');
    let nth = 0;
    for (const socket of [down, up]) open.add(socket.on('error', () => undefined));
    down.on('data', (bytes) => void (seen.push(bytes), through() ? up.write(bytes) : open.forEach((socket) => socket.destroy()))).on('close', () => up.destroy());
    up.on('data', (bytes) => void (seen.push(bytes), down.write(change(bytes, nth++)))).on('close', () => down.destroy());
  });
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
  closing.push(() => (proxy.close(), open.forEach((socket) => socket.destroy())));
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, seen: () => Buffer.concat(seen), cut: () => open.forEach((socket) => socket.destroy()) };
}

async function until(check: () => boolean, withinMs = 30_000): Promise<void> {
  for (const end = Date.now() + withinMs; !check(); ) {
    if (Date.now() > end) throw new Error('it did not come about in time');
    await new Promise((done) => setTimeout(done, 5));
  }
}

const forever: NodeJobHandler = async (_job, signal) => {
  const body = (async function* () {
    yield Buffer.from('first');
    await new Promise((_done, fail) => signal.addEventListener('abort', () => fail(new Error('aborted'))));
  })();
  return { status: 200, contentType: 'text/event-stream', body, usage: Promise.resolve(usage) };
};

describe('a node that is called straight', () => {
  it('answers over HTTP alone once the session is open, sealed and with the same receipts', async () => {
    const { client, door, kept, onBus } = await pair();
    const wire = await between(door.port);
    const bodies = [Buffer.from('a secret question'), Buffer.alloc(5 * limits.chunkBytes + 7, 'x'), Buffer.alloc(0)];
    for (const body of bodies) {
      const job = jobOf(wire.url, { body });
      const result = await client.run(job);
      expect(result.body.equals(body)).toBe(true);
      expect(openReceipt(result.receipt, nodePublicKey)).toMatchObject({ record: job.record, node });
    }
    expect(kept).toHaveLength(3);
    expect(onBus()).toBe(0);
    expect(wire.seen().includes('a secret question')).toBe(false);
    expect(wire.seen().includes('/mizan/v1/sessions/')).toBe(true);
  });

  it('runs many jobs at once over one link', async () => {
    const { client, url, onBus } = await pair();
    const jobs = Array.from({ length: 50 }, (_, n) => jobOf(url, { body: Buffer.alloc(1_000 * n, n) }));
    const results = await Promise.all(jobs.map((job) => client.run(job)));
    results.forEach(({ body }, n) => expect(body.equals(jobs[n]!.body)).toBe(true));
    expect(onBus()).toBe(0);
  });

  it('hears of a cancellation, and signs for what it did', async () => {
    let aborted = false;
    const { client, url } = await pair((job, signal) => (signal.addEventListener('abort', () => (aborted = true)), forever(job, signal)));
    const leave = new AbortController();
    const stream = await client.stream(jobOf(url, { signal: leave.signal }));
    const reader = stream.body[Symbol.asyncIterator]();
    expect(String((await reader.next()).value)).toBe('first');
    leave.abort(new Error('gone'));
    await expect(reader.next()).rejects.toThrow('gone');
    expect((await stream.end).receipt).toBeDefined();
    expect(aborted).toBe(true);
  });

  it('stops what it runs when its gateway is gone, without waiting for a pulse that nobody hears', async () => {
    let aborted = false;
    const { client, url } = await pair((job, signal) => (signal.addEventListener('abort', () => (aborted = true)), forever(job, signal)), { pulseMs: 120_000, silenceMs: 300_000 });
    const stream = await client.stream(jobOf(url));
    client.close();
    await expect(stream.end).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
    await until(() => aborted);
  });

  it('is called over the bus while its URL does not answer, and straight again later', async () => {
    const { client, clock, door, onBus, url, server } = await pair();
    door.close();
    expect((await client.run(jobOf(url))).body.toString()).toBe('what is asked');
    const before = onBus();
    expect(before).toBeGreaterThan(0);
    const again = await HttpDoor.listen('127.0.0.1', Number(new URL(url).port));
    closing.push(() => again.close());
    again.serve(server);
    await client.run(jobOf(url));
    expect(onBus()).toBeGreaterThan(before);
    clock.aheadMs = 11_000;
    const then = onBus();
    await client.run(jobOf(url));
    expect(onBus()).toBe(then);
  });

  it('is asked over the bus for what it had said nothing of when the link broke', async () => {
    let runs = 0;
    const { client, door, onBus } = await pair((job, signal) => ((runs += 1), echo(job, signal)));
    let breaks = false;
    const wire = await between(door.port, undefined, () => !breaks);
    await client.run(jobOf(wire.url));
    expect(onBus()).toBe(0);
    breaks = true;
    expect((await client.run(jobOf(wire.url))).body.toString()).toBe('what is asked');
    expect(runs).toBe(2);
    expect(onBus()).toBeGreaterThan(0);
  });

  it('is lost at once when the connection breaks in mid-stream', async () => {
    const { client, door } = await pair(forever, { silenceMs: 120_000 });
    const wire = await between(door.port);
    const stream = await client.stream(jobOf(wire.url));
    const reader = stream.body[Symbol.asyncIterator]();
    await reader.next();
    const startedAt = Date.now();
    wire.cut();
    await expect(reader.next()).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
    await expect(stream.end).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
    // Not after the silence of a machine that says nothing.
    expect(Date.now() - startedAt).toBeLessThan(60_000);
  });

  it('is believed nothing that was changed on its way', async () => {
    const { client, door, onBus } = await pair();
    // The first answer on the link's connection is its head; whatever comes after has its last byte flipped.
    const wire = await between(door.port, (bytes, nth) => {
      if (nth === 0 || bytes.length < 40) return bytes;
      const changed = Buffer.from(bytes);
      changed[changed.length - 10]! ^= 1;
      return changed;
    });
    const outcome = await client.run(jobOf(wire.url)).then(({ body }) => body.toString(), (error: { code: string }) => error.code);
    expect(['NODE_UNREACHABLE', 'NODE_PROTOCOL', 'what is asked']).toContain(outcome);
    if (outcome === 'what is asked') expect(onBus()).toBeGreaterThan(0);
  });
});

describe('the door of a node', () => {
  /** A session that was opened over the bus, as its gateway holds it. */
  async function session(bus: MemoryBus) {
    const id = ids.uuid();
    const offer = offerSession({ gateway: 'g2', node, nodePublicKey, session: id });
    const ends = offer.finish(JSON.parse(Buffer.from(await bus.request(nodeSubjects.session(node), Buffer.from(JSON.stringify(offer.request)), 10_000)).toString()));
    return { id, ends, hello: ends.sealing.seal(encodeFrame({ type: FrameType.link, job: 0, payload: Buffer.from('{}') })) };
  }
  const post = (url: string, id: string, what: string, body: Buffer) => fetch(`${url}/mizan/v1/sessions/${id}/${what}`, { method: 'POST', body: new Uint8Array(body), signal: AbortSignal.timeout(30_000) });

  it('lets in the gateway of an open session once, and nobody else', async () => {
    const { bus, url } = await pair();
    const mine = await session(bus);
    const other = await session(bus);
    expect((await post(url, ids.uuid(), 'link', mine.hello)).status).toBe(404);
    expect((await post(url, mine.id, 'link', other.hello)).status).toBe(404);
    expect((await post(url, mine.id, 'link', Buffer.alloc(100))).status).toBe(404);
    expect((await post(url, mine.id, 'frames', prefixed(mine.hello))).status).toBe(404);
    const link = await post(url, mine.id, 'link', mine.hello);
    expect(link.status).toBe(200);
    // Heard on its way and said again.
    expect((await post(url, mine.id, 'link', mine.hello)).status).toBe(404);
    expect((await post(url, mine.id, 'link', mine.ends.sealing.seal(encodeFrame({ type: FrameType.link, job: 0, payload: Buffer.from('{}') })))).status).toBe(404);
    expect((await fetch(`${url}/mizan/v1/sessions/${mine.id}/frames`)).status).toBe(404);
    expect((await fetch(`${url}/`)).status).toBe(404);
    await link.body?.cancel();
  });

  it('takes each message once, and nothing that is not sealed by the gateway', async () => {
    let runs = 0;
    const { bus, url, server } = await pair((job, signal) => ((runs += 1), echo(job, signal)));
    const { id, ends, hello } = await session(bus);
    const link = await post(url, id, 'link', hello);
    const header = { record: ids.uuid(), offer: ids.uuid(), model: 'm', endpoint: 'embeddings', bodyBytes: 0, remainingMs: 60_000 };
    const open = prefixed(ends.sealing.seal(encodeFrame({ type: FrameType.open, job: 1, payload: Buffer.from(JSON.stringify(header)) })));
    const forged = Buffer.from(open);
    forged[forged.length - 1]! ^= 1;
    expect((await post(url, id, 'frames', forged)).status).toBe(204);
    expect(runs).toBe(0);
    for (let n = 0; n < 3; n += 1) expect((await post(url, id, 'frames', open)).status).toBe(204);
    await until(() => runs === 1 && server.runningJobs === 0);
    expect(runs).toBe(1);
    await link.body?.cancel();
  });

  it('reads nothing of a stranger: it is turned away before its body comes', async () => {
    const { door } = await pair();
    const socket = connect(door.port, '127.0.0.1').on('error', () => undefined);
    closing.push(() => socket.destroy());
    let said = '';
    socket.on('data', (bytes) => (said += bytes.toString()));
    socket.write(`POST /mizan/v1/sessions/${ids.uuid()}/frames HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n`);
    await until(() => said.startsWith('HTTP/1.1 4'));
    expect(said).toMatch(/^HTTP\/1\.1 404 /);
  });

  it('turns away what is too large', async () => {
    const { bus, url } = await pair();
    const { id, hello } = await session(bus);
    expect((await post(url, id, 'link', Buffer.alloc(2_000))).status).toBe(413);
    const link = await post(url, id, 'link', hello);
    const large = await post(url, id, 'frames', Buffer.alloc(8 * 1024 * 1024)).then(({ status }) => status, () => 413);
    expect(large).toBe(413);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(messageBytesMax + 1);
    expect(await post(url, id, 'frames', length).then(({ status }) => status, () => 'cut')).not.toBe(204);
    await link.body?.cancel();
  });

  it.each([
    ['headers', 'POST /mizan/v1/sessions/x/link HTTP/1.1\r\nhost: x\r\na: '],
    ['a body', `POST /mizan/v1/sessions/${'0'.repeat(36)}/link HTTP/1.1\r\nhost: x\r\ncontent-length: 500\r\n\r\n`],
  ])('cuts off who sends %s a byte at a time', async (_what, start) => {
    const { door } = await pair(echo, { doorTimes: { headersMs: 300, requestMs: 600 } });
    const socket = connect(door.port, '127.0.0.1').on('error', () => undefined);
    let closed = false;
    socket.on('close', () => (closed = true)).resume();
    socket.write(start);
    const drip = setInterval(() => socket.write('a'), 50);
    closing.push(() => (clearInterval(drip), socket.destroy()));
    await until(() => closed);
  });

  it('finds the same messages however their bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 0, maxLength: 40 }), { maxLength: 10 }), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (messages, cuts) => {
        const bytes = Buffer.concat(messages.map((message) => prefixed(Buffer.from(message))));
        const stream = new MessageStream();
        const found: Buffer[] = [];
        for (let at = 0, n = 0; at < bytes.length; n += 1) found.push(...stream.take(bytes.subarray(at, (at += cuts[n % cuts.length]!))));
        expect(found.map((one) => [...one])).toEqual(messages.filter(({ length }) => length > 0).map((one) => [...one]));
      }),
    );
  });
});
