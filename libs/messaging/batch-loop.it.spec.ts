import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import { BatchLoop } from './batch-loop.js';
import type { BatchLoopOptions } from './batch-loop.js';
import { Bus } from './bus.js';
import { Publisher } from './publisher.js';

/** Services may use their own durable consumers only; here each case has one of its own. */
const anyConsumer = { publish: ['$JS.API.STREAM.INFO.EVENTS', '$JS.API.CONSUMER.>', '$JS.ACK.EVENTS.>'], subscribe: ['_INBOX_billing.>'], responses: false };

describe('a durable consumer', () => {
  let nats: TestNats;
  let settlement: Bus;
  let billing: Bus;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    nats = await testNats();
    settlement = await Bus.connect({ url: nats.url, creds: nats.credentials.settlement, name: 'settlement' });
    billing = await Bus.connect({ url: nats.url, creds: await nats.credentialsWith('billing', anyConsumer), name: 'billing' });
  });
  afterAll(async () => {
    await settlement?.close();
    await billing?.close();
    await nats?.stop();
  });

  const publish = async (name: string, texts: readonly string[]): Promise<void> => {
    for (const text of texts) await new Publisher(settlement).publish(`mizan.event.settlement.${name}`, text, { id: `${name} ${text.slice(0, 20)}` });
  };
  const consume = (name: string, options: Pick<BatchLoopOptions, 'atOnce' | 'handle'>): BatchLoop => new BatchLoop(billing, { stream: 'EVENTS', durable: name, filter: `mizan.event.settlement.${name}`, max: 64, waitMs: 50, ...options });
  const until = async (done: () => boolean): Promise<void> => {
    for (let tries = 0; tries < 2_000 && !done(); tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(done()).toBe(true);
  };

  it('that takes messages one by one is not held up by one that always fails', async () => {
    await publish('single', ['bad', 'a', 'b']);
    const handled: string[] = [];
    const loop = consume('single', {
      atOnce: 1,
      handle: ([message]) => {
        if (message!.string() === 'bad') return Promise.reject(new Error('never'));
        handled.push(message!.string());
        return Promise.resolve();
      },
    });
    loop.start();
    await until(() => handled.length === 2);
    await loop.stop();
    expect(handled).toEqual(['a', 'b']);
  });

  it('that takes batches hands over one that failed before anything that came after it', async () => {
    const handled: string[] = [];
    let failures = 0;
    const loop = consume('ordered', {
      atOnce: 2,
      handle: async (batch) => {
        const texts = batch.map((message) => message.string());
        if (texts.includes('a') && failures < 2) {
          failures += 1;
          throw new Error('not now');
        }
        handled.push(...texts);
      },
    });
    await publish('ordered', ['a', 'b', 'c', 'd', 'e']);
    loop.start();
    await until(() => handled.length >= 5);
    await loop.stop();
    expect(handled).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('that dies with messages in hand leaves them to the next one, before anything newer', async () => {
    const dying = await Bus.connect({ url: nats.url, creds: await nats.credentialsWith('billing', anyConsumer), name: 'billing' });
    let taken = 0;
    let endTheDead = (): void => undefined;
    const dead = new BatchLoop(dying, {
      ...{ stream: 'EVENTS', durable: 'inherited', filter: 'mizan.event.settlement.inherited', max: 64, atOnce: 64, waitMs: 0 },
      handle: async (batch) => {
        taken += batch.length;
        await new Promise<void>((resolve) => (endTheDead = resolve));
      },
    });
    await publish('inherited', ['a', 'b']);
    dead.start();
    await until(() => taken > 0);
    await dying.connection.close();
    await publish('inherited', ['c']);

    const handled: string[] = [];
    const heir = consume('inherited', { atOnce: 64, handle: async (batch) => void handled.push(...batch.map((message) => message.string())) });
    heir.start();
    for (let tries = 0; tries < 2_000 && handled.length < 3; tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
    await heir.stop();
    endTheDead();
    await dead.stop().catch(() => undefined);
    expect(handled).toEqual(['a', 'b', 'c']);
  });

  it('hands over no more than 8 MiB at once, and a message alone whatever it has', async () => {
    const text = 'x'.repeat(400_000);
    await publish('heavy', Array.from({ length: 60 }, (_, at) => `${at} ${text}`));
    const sizes: number[] = [];
    const loop = consume('heavy', { atOnce: 64, handle: async (batch) => void sizes.push(batch.reduce((sum, { data }) => sum + data.length, 0)) });
    loop.start();
    await until(() => sizes.reduce((sum, size) => sum + size, 0) > 60 * text.length);
    await loop.stop();
    expect(Math.max(...sizes)).toBeLessThanOrEqual(8 * 1_024 * 1_024);
    expect(sizes.length).toBeGreaterThan(2);
  });

  it('that another version of the service began with other bounds keeps its place and gets these', async () => {
    await publish('older', ['a', 'b']);
    const handled: string[] = [];
    const handle = async (batch: readonly { string(): string }[]): Promise<void> => void handled.push(...batch.map((message) => message.string()));
    const older = new BatchLoop(billing, { stream: 'EVENTS', durable: 'older', filter: 'mizan.event.settlement.older', max: 16, atOnce: 16, waitMs: 0, handle });
    older.start();
    await until(() => handled.length === 2);
    await older.stop();
    await publish('older', ['c']);
    const newer = consume('older', { atOnce: 64, handle });
    newer.start();
    await until(() => handled.length === 3);
    const { config } = await billing.manager.consumers.info('EVENTS', 'older');
    await newer.stop();
    expect({ handled, pending: config.max_ack_pending }).toEqual({ handled: ['a', 'b', 'c'], pending: 512 });
  });

  it('that takes many at once holds no more than two batches in memory while it works', async () => {
    let done = (): void => undefined;
    const loop = new BatchLoop(billing, { stream: 'EVENTS', durable: 'wide', filter: 'mizan.event.settlement.wide', max: 512, atOnce: 512, waitMs: 0, handle: () => new Promise<void>((resolve) => (done = resolve)) });
    await publish('wide', Array.from({ length: 1_100 }, (_, at) => `${at}`));
    loop.start();
    const pending = async (): Promise<number> => (await billing.manager.consumers.info('EVENTS', 'wide')).num_ack_pending;
    let most = 0;
    for (let tries = 0; tries < 5_000 && most < 1_024; tries += 1) {
      most = await pending().catch(() => 0);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await pending()).toBe(1_024);
    const stopped = loop.stop();
    done();
    await stopped;
  });

  it('stops at whatever moment it is told to, also while it begins to consume', async () => {
    for (let delayMs = 0; delayMs < 25; delayMs += 1) {
      const loop = consume('brief', { atOnce: 1 + (delayMs % 2), handle: async () => undefined });
      loop.start();
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await loop.stop();
    }
  });
});
