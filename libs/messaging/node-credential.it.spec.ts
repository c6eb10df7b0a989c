import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, credsAuthenticator, headers } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import { Bus } from './bus.js';
import { Publisher } from './publisher.js';

const node = '01890000-0000-7000-8000-000000000001';

describe('a node whose receipts name a reply subject that is not its own', () => {
  let nats: TestNats;
  let hostile: NatsConnection;
  let governance: Bus;

  beforeAll(async () => {
    nats = await testNats();
    hostile = await connect({ servers: nats.url, authenticator: credsAuthenticator(Buffer.from(await nats.nodeCredentials(node))), inboxPrefix: `_INBOX_${node}` });
    governance = await Bus.connect({ url: nats.url, creds: nats.credentials.governance, name: 'governance' });
  });

  afterAll(async () => {
    await hostile?.close();
    await governance?.close();
    await nats?.stop();
  });

  async function attack(reply: string): Promise<void> {
    for (let i = 0; i < 5; i += 1) {
      const h = headers();
      h.set('Nats-Msg-Id', `${reply} ${i}`);
      hostile.publish(`node.${node}.up.receipt`, '{}', { reply, headers: h });
    }
    await hostile.flush();
    await new Promise((r) => setTimeout(r, 500));
  }

  it('purges no stream', async () => {
    const p = new Publisher(governance);
    for (let i = 0; i < 3; i += 1) await p.publish('mizan.record.governance', '{}', { id: `r${i}` });
    await attack('$JS.API.STREAM.PURGE.RECORDS');
    expect((await governance.manager.streams.info('RECORDS')).state.messages).toBe(3);
  });
  it('deletes no message', async () => {
    await attack('$JS.API.STREAM.MSG.DELETE.RECORDS');
    expect((await governance.manager.streams.info('RECORDS')).state.messages).toBe(3);
  });
  it('overwrites no replica', async () => {
    const kv = await new Kvm(governance.jetstream).open('keys');
    await kv.put('k', 'good');
    await attack('$KV.keys.k');
    expect((await kv.get('k'))?.string()).toBe('good');
  });
  it('event', async () => {
    const before = (await governance.manager.streams.info('EVENTS')).state.messages;
    await attack('mizan.event.scheduler.node-revoked');
    expect((await governance.manager.streams.info('EVENTS')).state.messages).toBe(before);
  });
});
