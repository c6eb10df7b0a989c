import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, credsAuthenticator } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { buckets, nodeSubjects, serviceInboxPrefix, streams } from '#protocol';
import type { CredentialName } from '#protocol';
import { findNatsServer, Home, LocalError, provisionNats, startNats } from '#local';
import { testNats } from '#testing';
import type { TestNats } from '#testing';

describe('the NATS server in operator mode', () => {
  let nats: TestNats;
  const open: NatsConnection[] = [];
  const as = async (credentials: string, inboxPrefix: string): Promise<NatsConnection> => {
    const connection = await connect({ servers: nats.url, authenticator: credsAuthenticator(Buffer.from(credentials)), inboxPrefix, reconnect: false });
    open.push(connection);
    return connection;
  };
  const service = (name: CredentialName) => as(nats.credentials[name], serviceInboxPrefix(name));
  const node = async (id: string) => as(await nats.nodeCredentials(id), nodeSubjects.inboxPrefix(id));
  const violation = async (connection: NatsConnection, act: () => void): Promise<string> => {
    const first = (async () => {
      for await (const status of connection.status()) if (status.type === 'error') return String(status.error);
      return 'none';
    })();
    act();
    return Promise.race([first, new Promise<string>((resolve) => setTimeout(() => resolve('none'), 1_000).unref())]);
  };

  beforeAll(async () => {
    nats = await testNats();
  });
  afterAll(async () => {
    await Promise.all(open.map((connection) => connection.close()));
    await nats.stop();
  });

  it('lets nobody in without credentials', async () => {
    await expect(connect({ servers: nats.url, reconnect: false })).rejects.toThrow(/authorization/i);
  });

  it('has every stream and bucket, also when provisioned twice', async () => {
    await provisionNats(nats.url, nats.credentials.provision);
    const manager = await jetstreamManager(await service('provision'));
    const names = await manager.streams.names().next();
    expect(names.sort()).toEqual([...streams.map((stream) => stream.name), ...buckets.map((bucket) => `KV_${bucket.name}`)].sort());
  });

  it('stores what the gateway records and gives it back after a crash', async () => {
    const gateway = await service('gateway');
    const ack = await jetstream(gateway, { checkAPI: false }).publish('mizan.record.gateway', 'fact', { msgID: 'one' });
    expect(ack).toMatchObject({ stream: 'RECORDS', seq: 1 });
    await gateway.close();
    await nats.kill();
    await nats.restart();
    const manager = await jetstreamManager(await service('verify'), { checkAPI: false });
    expect((await manager.streams.info('RECORDS')).state.messages).toBe(1);
  });

  it('keeps every credential to its own subjects', async () => {
    const governance = await service('governance');
    expect(await violation(governance, () => governance.publish('mizan.record.gateway', 'forged'))).toMatch(/permissions violation/i);
    const settlement = await service('settlement');
    expect(await violation(settlement, () => void settlement.subscribe('mizan.record.>'))).toMatch(/permissions violation/i);
  });

  it('keeps a node away from JetStream and from other nodes', async () => {
    const first = await node('alpha');
    expect(await violation(first, () => first.publish(nodeSubjects.receipt('alpha'), 'mine'))).toBe('none');
    expect(await violation(first, () => first.publish(nodeSubjects.receipt('beta'), 'forged'))).toMatch(/permissions violation/i);
    expect(await violation(first, () => void first.subscribe(nodeSubjects.down('beta')))).toMatch(/permissions violation/i);
    expect(await violation(first, () => first.publish('$JS.API.STREAM.LIST'))).toMatch(/permissions violation/i);
  });

  it('is refused beyond loopback when its version is affected', async () => {
    const home = new Home('/nonexistent');
    const options = { directory: home.path('nats'), operator: nats.operator, credentials: { users: nats.credentials, system: nats.systemCredentials }, port: 4222 };
    const affected = { path: 'nats-server', version: '2.9.10' };
    const launch = () => Promise.reject(new Error('must not be started'));
    await expect(startNats({ ...options, program: affected, host: '0.0.0.0', launch })).rejects.toThrow(/CVE-2025-30215/);
  });

  it('must be what MIZAN_NATS_SERVER names', async () => {
    const found = findNatsServer(new Home('/nonexistent'), () => {}, { MIZAN_NATS_SERVER: '/bin/false' });
    await expect(found).rejects.toThrow(LocalError);
  });
});
