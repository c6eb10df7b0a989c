import { connect as connectSocket } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CompletedFacts } from '#protocol';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import type { NodeJobHandler } from '#wire';
import { eventually, GatewayStack } from '../gateway-harness.js';

const piece = Buffer.from(`data: ${JSON.stringify({ id: 'c', created: 1, choices: [{ index: 0, delta: { content: 'x'.repeat(64 * 1024) } }] })}\n\n`);

/** An engine that never ends by itself. */
const endless: NodeJobHandler = async (_job, signal) => {
  async function* bytes(): AsyncGenerator<Buffer> {
    for (; !signal.aborted; await new Promise((resolve) => setImmediate(resolve))) yield piece;
  }
  const used = new Promise<{ inputTokens: number; outputTokens: number }>((resolve) => signal.addEventListener('abort', () => resolve({ inputTokens: 5, outputTokens: 3 })));
  return { status: 200, contentType: 'text/event-stream', body: bytes(), usage: used };
};

describe('clients that do not read their stream', () => {
  let nats: TestNats;

  beforeAll(async () => {
    nats = await testNats();
  });
  afterAll(() => nats.stop());

  async function stalled(stack: GatewayStack, key: string, model: string): Promise<Socket> {
    const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'a' }], stream: true });
    const socket = connectSocket(Number(new URL(stack.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await new Promise((resolve) => socket.once('data', resolve));
    socket.pause();
    return socket;
  }
  const start = async (n: number, env: NodeJS.ProcessEnv): Promise<{ stack: GatewayStack; key: string }> => {
    const stack = await GatewayStack.start(nats, env);
    const key = await stack.key(`stalled${n}`);
    await stack.node(n, endless, { model: `talk-${n}`, endpoints: ['chat.completions'], capacity: 1 });
    await eventually(async () => (await fetch(`${stack.url}/v1/models/talk-${n}`, { headers: { authorization: `Bearer ${key}` } })).status === 200);
    return { stack, key };
  };
  const completedOf = (stack: GatewayStack): CompletedFacts[] => stack.records.flatMap(({ facts }) => (facts?.kind === 'completed' ? [facts] : []));

  it('hold no machine and no reservation beyond the deadline of their stream, and pay for what was produced', async () => {
    // Until then everything between machine and client has to be full, on a busy machine too.
    const { stack, key } = await start(1, { STREAM_DEADLINE_MS: '5000', PLACEMENT_WAIT_MS: '4000' });
    const sockets = [await stalled(stack, key, 'talk-1')];
    await eventually(() => completedOf(stack).length === 1);
    const [end] = completedOf(stack);
    // The machine's word counts if it comes within a second; what was seen of its answer does otherwise.
    expect([end!.outcome, end!.usageSource === 'engine' ? end!.usage.outputTokens : end!.usage.outputTokens > 3]).toEqual(['cancelled', end!.usageSource === 'engine' ? 3 : true]);
    expect(end!.chargeNanos).toBeGreaterThan(0n);
    sockets.push(await stalled(stack, key, 'talk-1'));
    await eventually(() => completedOf(stack).length === 2);
    for (const socket of sockets) socket.destroy();
    await stack.stop();
  });

  it('hold up no stop of the gateway, which records what they were given', async () => {
    const { stack, key } = await start(2, {});
    const socket = await stalled(stack, key, 'talk-2');
    await Promise.race([stack.stopGateway(), new Promise((_resolve, reject) => setTimeout(() => reject(new Error('it does not stop')), 120_000).unref())]).finally(() => socket.destroy());
    await eventually(() => completedOf(stack).some(({ chargeNanos, usage }) => chargeNanos > 0n && usage.outputTokens > 0));
    await stack.stop();
  });
});
