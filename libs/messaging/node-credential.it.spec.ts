import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Kvm } from '@nats-io/kv';
import { connect, credsAuthenticator, headers } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { nodeSubjects } from '#protocol';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import { Bus } from './bus.js';
import { Publisher } from './publisher.js';

const node = '01890000-0000-7000-8000-000000000001';

describe('a hostile node with its own credential', () => {
  let nats: TestNats;
  let hostile: NatsConnection;
  let governance: Bus;
  let verify: Bus;

  beforeAll(async () => {
    nats = await testNats();
    hostile = await connect({ servers: nats.url, authenticator: credsAuthenticator(Buffer.from(await nats.nodeCredentials(node))), inboxPrefix: nodeSubjects.inboxPrefix(node) });
    governance = await Bus.connect({ url: nats.url, creds: nats.credentials.governance, name: 'governance' });
    verify = await Bus.connect({ url: nats.url, creds: nats.credentials.verify, name: 'verify' });
    const publisher = new Publisher(governance);
    for (const id of ['one', 'two', 'three']) await publisher.publish('mizan.record.governance', '{}', { id });
  });

  afterAll(async () => {
    await hostile?.close();
    await governance?.close();
    await verify?.close();
    await nats?.stop();
  });

  const messagesIn = async (stream: string): Promise<number> => (await verify.manager.streams.info(stream)).state.messages;

  it('stores nothing but receipts: what is larger is not kept', async () => {
    const receipts = async () => (await verify.manager.streams.info('RECEIPTS')).state;
    const before = await receipts();
    // In the order of the stream: when two are there, the second is what went after the large one, or it.
    for (const size of [4_000, 20_000, 4_000]) hostile.publish(nodeSubjects.receipt(node), 'x'.repeat(size));
    let after = before;
    for (let tries = 0; tries < 1_200 && after.messages < before.messages + 2; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      after = await receipts();
    }
    expect(after.messages - before.messages).toBe(2);
    expect(after.bytes - before.bytes).toBeLessThan(20_000);
  });

  /** Receipts whose acknowledgement would do harm: it is JSON with a `seq`, sent with the server's own rights. */
  async function sendReceipts(reply: string): Promise<void> {
    const before = await messagesIn('EVENTS');
    for (let count = 0; count < 5; count += 1) {
      const carried = headers();
      carried.set('Nats-Msg-Id', `${reply} ${count}`);
      hostile.publish(nodeSubjects.receipt(node), '{}', { reply, headers: carried });
    }
    await hostile.flush();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await messagesIn('EVENTS')).toBe(before);
  }

  it.each(['$JS.API.STREAM.PURGE.RECORDS', '$JS.API.STREAM.MSG.DELETE.RECORDS'])('takes no record away by naming %s for the reply', async (reply) => {
    await sendReceipts(reply);
    expect(await messagesIn('RECORDS')).toBe(3);
  });

  it('overwrites no replica by its reply subject', async () => {
    const keys = await new Kvm(governance.jetstream).open('keys');
    await keys.put('k', 'good');
    await sendReceipts('$KV.keys.k');
    expect((await keys.get('k'))?.string()).toBe('good');
  });

  it('publishes no event by its reply subject', async () => {
    await sendReceipts('mizan.event.scheduler.node-revoked');
    expect(await messagesIn('EVENTS')).toBe(0);
  });
});
