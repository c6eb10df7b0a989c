import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SystemClock, SystemIds } from '#kernel';
import { failure, limits, openReceipt } from '#protocol';
import type { SignedReceipt } from '#protocol';
import { NodeClient } from './gateway-side.js';
import { Interrupted } from './job.js';
import type { JobRequest, JobStream } from './job.js';
import { MemoryBus } from './memory-bus.js';
import { NodeServer } from './node-side.js';
import type { JobUsage, NodeJobHandler } from './node-job-handler.js';

const ids = new SystemIds(new SystemClock());
const identity = generateKeyPairSync('ed25519');
const nodePublicKey = identity.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
const node = ids.uuid();
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

/** An engine that says `piece(n)` until it is interrupted or has said them all, and counts each as one token. */
class Teller {
  told = 0;
  isInterrupted = false;

  constructor(
    private readonly pieces: number,
    private readonly piece: (n: number) => Buffer,
    private readonly eachMs = 0,
    private readonly failAt = Infinity,
  ) {}

  readonly run: NodeJobHandler = async (_job, signal) => {
    let said!: (usage: JobUsage) => void;
    const usage = new Promise<JobUsage>((resolve) => (said = resolve));
    const end = (): void => said({ inputTokens: 5, outputTokens: this.told });
    signal.addEventListener('abort', () => ((this.isInterrupted = true), end()));
    return { status: 200, contentType: 'text/event-stream', body: this.tell(end), usage };
  };

  private async *tell(end: () => void): AsyncGenerator<Buffer> {
    for (; this.told < this.pieces; ) {
      if (this.eachMs > 0) await pause(this.eachMs);
      if (this.told === this.failAt) {
        end();
        throw new Error('out of memory at 0x1');
      }
      this.told += 1;
      yield this.piece(this.told);
    }
    end();
  }
}

function stage(handler: NodeJobHandler) {
  const bus = new MemoryBus();
  const kept: SignedReceipt[] = [];
  const server = new NodeServer(bus, { node, identity: identity.privateKey, handler, admit: () => undefined, keepReceipt: async (receipt) => void kept.push(receipt), pulseMs: 20 });
  const client = new NodeClient(bus, 'g1', { silenceMs: 2_000, handshakeMs: 2_000 });
  closing.push(() => server.close(), () => client.close());
  const job = (more: Partial<JobRequest> = {}): JobRequest => ({
    node,
    nodePublicKey,
    record: ids.uuid(),
    offer: node,
    model: 'm',
    endpoint: 'chat.completions',
    body: Buffer.from('{}'),
    deadlineMs: Date.now() + 10_000,
    ...more,
  });
  return { bus, server, client, job, kept };
}

/** Reads until `count` pieces are there or the stream ends. */
async function read(stream: JobStream, count = Infinity, onPiece: () => void | Promise<void> = () => undefined): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream.body) {
    pieces.push(piece);
    await onPiece();
    if (pieces.length >= count) break;
  }
  return Buffer.concat(pieces);
}

describe('a streamed answer', () => {
  it('comes piece by piece as the engine makes it, and ends with a receipt over all of it', async () => {
    const teller = new Teller(5, (n) => Buffer.from(`data: ${n}\n\n`), 30);
    const { client, job, kept } = stage(teller.run);
    const stream = await client.stream(job());
    expect(stream).toMatchObject({ status: 200, contentType: 'text/event-stream' });
    const toldAtPiece: number[] = [];
    const body = await read(stream, Infinity, () => void toldAtPiece.push(teller.told));
    expect(body.toString()).toBe('data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\ndata: 5\n\n');
    expect(toldAtPiece[0]).toBeLessThan(4);
    const end = await stream.end;
    expect(end).toMatchObject({ usage: { inputTokens: 5, outputTokens: 5 }, estimated: false, responseHash: hashOf(body) });
    expect(kept).toEqual([end.receipt]);
    expect(openReceipt(end.receipt, nodePublicKey)).toMatchObject({ responseHash: hashOf(body), usage: end.usage });
  });

  it('stops the engine while its reader is slow: neither side holds more than a window', async () => {
    const teller = new Teller(100, () => randomBytes(limits.chunkBytes));
    const { bus, client, job } = stage(teller.run);
    const stream = await client.stream(job());
    let read = 0;
    for await (const piece of stream.body) {
      expect(piece).toHaveLength(limits.chunkBytes);
      read += 1;
      await pause(10);
      // What the reader has, what lies in the window, and the one that the engine holds out.
      expect(teller.told).toBeLessThanOrEqual(read + limits.creditWindow + 1);
      if (read === 20) break;
    }
    expect(bus.seen.length).toBeGreaterThan(20);
  });

  it('does not lose its node while a reader rests', async () => {
    const { client, job } = stage(new Teller(30, () => Buffer.alloc(10)).run);
    const stream = await client.stream(job());
    let rested = false;
    const body = await read(stream, Infinity, async () => {
      if (!rested) await pause(900);
      rested = true;
    });
    expect(body).toHaveLength(300);
    await expect(stream.end).resolves.toMatchObject({ usage: { outputTokens: 30 } });
  });

  it('cancelled half-way stops the engine, and the node signs for what was produced', async () => {
    const teller = new Teller(1_000, (n) => Buffer.from(`${n},`), 5);
    const { client, job, kept } = stage(teller.run);
    const cancel = new AbortController();
    const stream = await client.stream(job({ signal: cancel.signal }));
    await expect(
      read(stream, Infinity, () => {
        if (teller.told >= 10) cancel.abort(new Error('the client went away'));
      }),
    ).rejects.toThrow('the client went away');
    const end = await stream.end;
    expect(teller.isInterrupted).toBe(true);
    expect(end.usage.outputTokens).toBeGreaterThanOrEqual(10);
    expect(end.usage.outputTokens).toBeLessThan(1_000);
    expect(kept).toEqual([end.receipt]);
    expect(openReceipt(end.receipt, nodePublicKey)).toMatchObject({ usage: end.usage, responseHash: end.responseHash });
  });

  it('is cancelled when its reader leaves', async () => {
    const teller = new Teller(1_000, (n) => Buffer.from(`${n},`), 5);
    const { client, job } = stage(teller.run);
    const stream = await client.stream(job());
    await read(stream, 3);
    await expect(stream.end).resolves.toMatchObject({ usage: { inputTokens: 5 } });
    expect(teller.isInterrupted).toBe(true);
  });

  it('cancelled before its first byte has no receipt and costs nothing', async () => {
    const { client, job, kept } = stage(new Teller(3, () => Buffer.from('x'), 5_000).run);
    const cancel = new AbortController();
    const opening = client.stream(job({ signal: cancel.signal })).then((stream) => read(stream));
    setTimeout(() => cancel.abort(new Error('the client went away')), 50);
    await expect(opening).rejects.toThrow('the client went away');
    await pause(50);
    expect(kept).toEqual([]);
  });

  it.each<[string, Teller, Partial<JobRequest>, string]>([
    ['when the engine breaks off', new Teller(9, (n) => Buffer.from(`${n}`), 5, 4), {}, 'ENGINE_FAILED'],
    ['at the deadline', new Teller(9_000, (n) => Buffer.from(`${n}`), 5), { deadlineMs: 1_000 }, 'DEADLINE_EXCEEDED'],
  ])('is cut %s: what came is read first, and the receipt is over it', async (_when, teller, more, code) => {
    const { client, job } = stage(teller.run);
    const stream = await client.stream(job(more.deadlineMs === undefined ? {} : { deadlineMs: Date.now() + more.deadlineMs }));
    const pieces: Buffer[] = [];
    const reading = (async () => {
      for await (const piece of stream.body) pieces.push(piece);
    })();
    await expect(reading).rejects.toMatchObject({ code });
    await expect(reading).rejects.not.toThrow(/0x1/);
    const end = await stream.end;
    expect(pieces.length).toBeGreaterThan(2);
    expect(end.usage.inputTokens).toBe(5);
    expect(end.usage.outputTokens).toBeGreaterThanOrEqual(pieces.length);
    expect(end.usage.outputTokens).toBeLessThanOrEqual(teller.told);
    if (code === 'ENGINE_FAILED') expect(end.responseHash).toBe(hashOf(Buffer.concat(pieces)));
  });

  it('of a node that vanishes ends as lost, with what came and without a receipt', async () => {
    const teller = new Teller(9_000, (n) => Buffer.from(`${n}`), 5);
    const { bus, client, job } = stage(teller.run);
    const stream = await client.stream(job());
    let pieces = 0;
    const reading = read(stream, Infinity, () => {
      pieces += 1;
      if (pieces === 10) bus.tap = (subject, payload) => (subject.includes('.up.') ? undefined : payload);
    });
    await expect(reading).rejects.toMatchObject({ code: 'NODE_UNREACHABLE', details: { reason: 'lost' } });
    await expect(stream.end).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
  });

  it('is never begun when the engine refuses: the refusal is whole', async () => {
    const { client, job } = stage(async () => ({ status: 422, contentType: 'application/json', body: Buffer.from('{"error":{}}'), usage: { inputTokens: 0, outputTokens: 0 } }));
    await expect(client.stream(job())).rejects.toMatchObject({ code: 'ENGINE_REFUSED', details: { status: 422, body: '{"error":{}}' } });
  });

  it('whose usage the node counted itself says so', async () => {
    const { client, job } = stage(async () => ({ status: 200, contentType: 'x', body: Buffer.from('x'), usage: { inputTokens: 1, outputTokens: 1, estimated: true } }));
    await expect(client.run(job())).resolves.toMatchObject({ estimated: true, usage: { inputTokens: 1, outputTokens: 1 } });
  });

  it('interrupted by a node that stops is signed for before the node has gone', async () => {
    const { server, client, job, kept } = stage(new Teller(9_000, (n) => Buffer.from(`${n}`), 5).run);
    const stream = await client.stream(job());
    const reading = read(stream);
    await pause(60);
    await server.interrupt();
    expect(kept).toHaveLength(1);
    await expect(reading).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  });

  it('of a gateway that dies is interrupted, and signed for', async () => {
    const teller = new Teller(100_000, (n) => Buffer.from(`${n}`), 5);
    const { client, job, kept } = stage(teller.run);
    const stream = await client.stream(job());
    const reading = read(stream);
    await pause(60);
    client.close();
    await expect(reading).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
    while (kept.length === 0) await pause(5);
    expect(teller.isInterrupted).toBe(true);
  });
});

describe('an answer that is given whole', () => {
  /** An engine that says everything at its end, and counts a token every 5 ms until then. */
  class Thinker {
    made = 0;
    readonly run: NodeJobHandler = async (_job, signal) => {
      const usage = new Promise<JobUsage>((resolve) => signal.addEventListener('abort', () => resolve({ inputTokens: 5, outputTokens: this.made })));
      return { status: 200, contentType: 'application/json', body: this.think(signal), usage };
    };

    private async *think(signal: AbortSignal): AsyncGenerator<Buffer> {
      for (; !signal.aborted; this.made += 1) await pause(5);
      yield Buffer.from('too late');
    }
  }

  it('is signed for as far as it was made when it is cancelled, though no byte of it has left', async () => {
    const thinker = new Thinker();
    const { client, job, kept } = stage(thinker.run);
    const cancel = new AbortController();
    const running = client.run(job({ signal: cancel.signal })).catch((error: unknown) => error);
    while (thinker.made < 10) await pause(5);
    cancel.abort(new Error('the client went away'));
    const error = await running;
    expect(error).toBeInstanceOf(Interrupted);
    const { cause, end } = error as Interrupted;
    expect(cause).toEqual(new Error('the client went away'));
    expect(end).toMatchObject({ usage: { inputTokens: 5 }, responseHash: hashOf(Buffer.alloc(0)) });
    expect(end.usage.outputTokens).toBeGreaterThanOrEqual(10);
    expect(end.usage.outputTokens).toBeLessThanOrEqual(thinker.made);
    expect(kept).toEqual([end.receipt]);
  });

  it.each([
    ['ran out of time', 80, undefined, 'DEADLINE_EXCEEDED'],
    ['belongs to a gateway that stops', 10_000, failure('SERVICE_UNAVAILABLE', 'the gateway stops'), 'SERVICE_UNAVAILABLE'],
  ])('is not signed for when it %s: it costs nothing', async (_what, withinMs, stopped, code) => {
    const thinker = new Thinker();
    const { client, job, kept } = stage(thinker.run);
    const running = client.run(job({ deadlineMs: Date.now() + withinMs })).catch((error: unknown) => error);
    while (stopped !== undefined && thinker.made < 5) await pause(5);
    if (stopped !== undefined) client.interrupt(stopped);
    expect(await running).toMatchObject({ code });
    await pause(50);
    expect(kept).toEqual([]);
  });

  it('is signed for by a node whose gateway died', async () => {
    const thinker = new Thinker();
    const { client, job, kept, server } = stage(thinker.run);
    client.run(job()).catch(() => undefined);
    while (thinker.made < 5) await pause(5);
    await server.interrupt();
    expect(kept.map((receipt) => openReceipt(receipt, nodePublicKey)?.usage.inputTokens)).toEqual([5]);
  });
});
