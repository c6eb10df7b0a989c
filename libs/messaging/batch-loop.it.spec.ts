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
  }, 150_000);
  afterAll(async () => {
    await settlement?.close();
    await billing?.close();
    await nats?.stop();
  });

  const publish = async (name: string, texts: readonly string[]): Promise<void> => {
    for (const text of texts) await new Publisher(settlement).publish(`mizan.event.settlement.${name}`, text, { id: `${name} ${text}` });
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

  it('that dies with messages in hand leaves them to the next one, before anything newer and within seconds', async () => {
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
    const startedAt = performance.now();
    heir.start();
    for (let tries = 0; tries < 2_000 && handled.length < 3; tries += 1) await new Promise((resolve) => setTimeout(resolve, 20));
    await heir.stop();
    endTheDead();
    await dead.stop().catch(() => undefined);
    expect(handled).toEqual(['a', 'b', 'c']);
    expect(performance.now() - startedAt).toBeLessThan(9_000);
  }, 120_000);

  it('stops at whatever moment it is told to, also while it begins to consume', async () => {
    for (let delayMs = 0; delayMs < 25; delayMs += 1) {
      const loop = consume('brief', { atOnce: 1 + (delayMs % 2), handle: async () => undefined });
      loop.start();
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      await loop.stop();
    }
  }, 120_000);
});
