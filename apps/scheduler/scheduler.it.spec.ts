import { generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect, jwtAuthenticator } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { DataSource } from 'typeorm';
import { Bus, Caller, Replicas } from '#messaging';
import type { ReplicaView } from '#messaging';
import { enrolmentRequest, limits, nodeSubjects, offerReplica, schedulerCalls } from '#protocol';
import type { OfferEntry } from '#protocol';
import { migrate, runService, withTenant } from '#service';
import type { RunningService } from '#service';
import { createTestDatabase, testNats } from '#testing';
import type { TestDatabase, TestNats } from '#testing';
import { exposureRefusal } from './enrolment/exposed-server.js';
import type { EnrolmentRequest } from './enrolment/possession.js';
import { frankfurt, Machine } from './provider-machine.js';
import { schedulerEnvironment } from './scheduler-harness.js';
import { scheduler } from './scheduler.service-definition.js';

const actor = { keyId: null, tenant: null };

const isLike = (message: unknown, expected: unknown): boolean => {
  try {
    expect(message).toEqual(expected);
    return true;
  } catch {
    return false;
  }
};

describe('the scheduler', () => {
  let nats: TestNats;
  let database: TestDatabase;
  let service: RunningService;
  let gateway: Bus;
  let caller: Caller;
  let offers: ReplicaView<OfferEntry>;
  let replicas: Replicas;
  let env: NodeJS.ProcessEnv;
  const open: NatsConnection[] = [];

  const token = async (facts: typeof frankfurt | null = frankfurt): Promise<string> => (await caller.call(schedulerCalls.createEnrolmentToken, { actor, name: 't', facts, validMs: 60_000 })).token;
  const enrol = (request: EnrolmentRequest) => caller.call(schedulerCalls.enrol, request);
  const dial = async (machine: Machine, enrolled: { node: string; natsJwt: string }): Promise<NatsConnection> => {
    const connection = await connect({
      servers: nats.url,
      authenticator: jwtAuthenticator(enrolled.natsJwt, machine.seed),
      inboxPrefix: nodeSubjects.inboxPrefix(enrolled.node),
      reconnect: false,
    });
    open.push(connection);
    return connection;
  };
  const beat = (connection: NatsConnection, node: string): void => {
    if (connection.isClosed()) return;
    connection.publish(nodeSubjects.heartbeat(node), JSON.stringify({ v: 1, node, inFlight: 0, capacity: 4, sentAtMs: Date.now() }));
  };
  const becomes = async (offer: string, state: 'up' | 'down' | undefined, patienceMs = 60_000): Promise<void> => {
    for (let until = Date.now() + patienceMs; offers.get(offer)?.state !== state && Date.now() < until; ) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(offers.get(offer)?.state).toBe(state);
  };
  /** Whether the stream has a message on `subject` that `matches`, soon. */
  const isTold = async (stream: string, subject: string, matches: unknown): Promise<void> => {
    let found: unknown[] = [];
    for (let until = Date.now() + 30_000; Date.now() < until; await new Promise((resolve) => setTimeout(resolve, 50))) {
      found = [];
      const { messages } = (await provision.manager.streams.info(stream)).state;
      for (let seq = 1; seq <= messages; seq += 1) {
        const message = await provision.manager.streams.getMessage(stream, { seq });
        if (message?.subject === subject) found.push(message.json());
      }
      if (found.some((message) => isLike(message, matches))) return;
    }
    expect(found).toContainEqual(matches);
  };
  let provision: Bus;

  beforeAll(async () => {
    [nats, database] = await Promise.all([testNats(), createTestDatabase({ service: 'scheduler' })]);
    await migrate(scheduler, database.ownerUrl);
    env = schedulerEnvironment(nats, database, join(tmpdir(), 'mizan-scheduler-spec'));
    service = await runService(scheduler, env);
    gateway = await Bus.connect({ url: nats.url, creds: nats.credentials.gateway, name: 'gateway' });
    provision = await Bus.connect({ url: nats.url, creds: nats.credentials.provision, name: 'provision' });
    caller = new Caller(gateway);
    replicas = new Replicas(gateway);
    offers = await replicas.view(offerReplica);
  });

  afterAll(async () => {
    replicas.stop();
    await Promise.all(open.map((connection) => connection.close()));
    await Promise.all([gateway.close(), provision.close()]);
    await service.stop();
    await database.drop();
    await nats.stop();
  });

  it('puts the public URL that a machine has signed on the market, and none that leads inside', async () => {
    const machine = new Machine();
    const enrolled = await enrol(machine.request(await token(), { publicUrl: 'https://node.example/mizan' }));
    expect(enrolled.publicUrl).toBe('https://node.example/mizan');
    await becomes(enrolled.offers[0]!.id, 'down');
    expect(offers.get(enrolled.offers[0]!.id)).toMatchObject({ publicUrl: 'https://node.example/mizan' });
    const { data } = await caller.call(schedulerCalls.listNodes, { limit: 200 });
    expect(data.find(({ id }) => id === enrolled.node)).toMatchObject({ publicUrl: 'https://node.example/mizan' });
    const good = await token();
    for (const publicUrl of ['http://169.254.169.254/', 'http://127.0.0.1:4222', 'http://[::1]/', 'http://2130706433', 'https://db.internal/', 'http://[::ffff:10.0.0.1]/']) {
      await expect(enrol(new Machine().request(good, { publicUrl }))).rejects.toMatchObject({ code: 'ENROLMENT_INVALID', message: expect.stringMatching(/publicUrl/) as unknown });
    }
    for (const publicUrl of ['ftp://node.example', 'https://u:p@node.example/', 'https://node.example\\@127.0.0.1/', 'https://node.example/?a=b']) {
      expect(enrolmentRequest.shape.publicUrl.safeParse(publicUrl).success).toBe(false);
    }
    // Changed after it was signed.
    await expect(enrol({ ...new Machine().request(good, { publicUrl: 'https://node.example' }), publicUrl: 'https://other.example' })).rejects.toMatchObject({ code: 'ENROLMENT_INVALID' });
    // The token is still good.
    expect((await enrol(new Machine().request(good))).publicUrl).toBeNull();
  });

  it('takes a machine in: contract evidence, offers on the market, the fact told to others and logged', async () => {
    const machine = new Machine();
    const request = machine.request(await token());
    const enrolled = await enrol(request);
    expect(enrolled).toMatchObject({ natsUrl: nats.url, offers: [{ model: 'm' }] });
    const offer = enrolled.offers[0]!.id;
    await becomes(offer, 'down');
    expect(offers.get(offer)).toMatchObject({ node: enrolled.node, ...frankfurt, evidence: 'contract', isolation: 'none', capacity: 4, publicKey: request.publicKey });
    await isTold('EVENTS', 'mizan.event.scheduler.node-enrolled', {
      node: enrolled.node,
      name: 'machine',
      publicKey: request.publicKey,
      payoutAddress: request.payoutAddress,
      offers: [{ id: offer, model: 'm', endpoints: ['embeddings'], capacity: 4, inputNanosPerMillion: '20000000', outputNanosPerMillion: '0' }],
    });
    await isTold('RECORDS', 'mizan.record.scheduler', { v: 1, records: [expect.objectContaining({ type: 'token.created', tenant: null, fields: expect.objectContaining({ name: 't', byContract: true, by: actor.keyId }) as unknown }) as unknown] });
    await isTold('RECORDS', 'mizan.record.scheduler', { v: 1, records: [expect.objectContaining({ id: enrolled.node, type: 'node.enrolled', fields: expect.objectContaining({ evidence: 'contract', facts: frankfurt }) })] });
    const { data } = await caller.call(schedulerCalls.listNodes, { limit: 200 });
    expect(data).toContainEqual(expect.objectContaining({ id: enrolled.node, state: 'enrolled', online: false, evidence: 'contract' }));
  });

  it('believes a machine without a contract only as far as its word goes', async () => {
    const enrolled = await enrol(new Machine().request(await token(null), { facts: { region: 'moon', country: 'XX', jurisdiction: 'XX' } }));
    await becomes(enrolled.offers[0]!.id, 'down');
    expect(offers.get(enrolled.offers[0]!.id)).toMatchObject({ region: 'moon', evidence: 'declared' });
  });

  it('takes a token once, but answers the same machine again when its answer was lost', async () => {
    const secret = await token();
    const machine = new Machine();
    const first = await enrol(machine.request(secret));
    expect(await enrol(machine.request(secret))).toMatchObject({ node: first.node, offers: first.offers });
    await expect(enrol(new Machine().request(secret))).rejects.toMatchObject({ code: 'ENROLMENT_INVALID', message: expect.stringMatching(/used/) });
    await expect(enrol(machine.request(await token()))).rejects.toMatchObject({ code: 'ENROLMENT_INVALID', message: expect.stringMatching(/enrolled before/) });
  });

  it('takes a token once when two machines bring it at the same time', async () => {
    const secret = await token();
    const results = await Promise.allSettled([1, 2, 3, 4].map(() => enrol(new Machine().request(secret))));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('refuses unknown and expired tokens', async () => {
    await expect(enrol(new Machine().request('mzt_unknown-token-of-some-length'))).rejects.toMatchObject({ code: 'ENROLMENT_INVALID', message: expect.stringMatching(/not known/) });
    const secret = await token();
    const owner = await new DataSource({ type: 'postgres', url: database.ownerUrl }).initialize();
    await owner.query('UPDATE scheduler.enrolment_tokens SET expires_at_ms = 1 WHERE node IS NULL');
    await owner.destroy();
    await expect(enrol(new Machine().request(secret))).rejects.toMatchObject({ code: 'ENROLMENT_INVALID', message: expect.stringMatching(/expired/) });
  });

  it('refuses a signature by another key, or over another request', async () => {
    const secret = await token();
    const machine = new Machine();
    await expect(enrol(machine.request(secret, {}, generateKeyPairSync('ed25519').privateKey))).rejects.toMatchObject({ code: 'ENROLMENT_INVALID' });
    const signed = machine.request(secret);
    await expect(enrol({ ...signed, payoutAddress: '0x00000000000000000000000000000000000000bb' })).rejects.toMatchObject({ code: 'ENROLMENT_INVALID' });
    await expect(enrol(signed)).resolves.toMatchObject({ offers: [{ model: 'm' }] });
  });

  it('refuses facts other than those of the contract, names them, and leaves the token good', async () => {
    const secret = await token();
    const machine = new Machine();
    const wrong = enrol(machine.request(secret, { facts: { ...frankfurt, region: 'us-virginia', country: 'US' } }));
    await expect(wrong).rejects.toMatchObject({ code: 'ENROLMENT_INVALID', message: expect.stringMatching(/region, country differ/) });
    await expect(enrol(machine.request(secret))).resolves.toBeDefined();
  });

  it('keeps no token in clear', async () => {
    const secret = await token();
    const rows = await withTenant(service.app.get(DataSource), '*', (manager) => manager.query('SELECT * FROM scheduler.enrolment_tokens'));
    expect(JSON.stringify(rows)).not.toContain(secret);
  });

  it("keeps a node to its own subjects: not another's, nothing of JetStream", async () => {
    const [one, two] = [new Machine(), new Machine()];
    const [first, second] = [await enrol(one.request(await token())), await enrol(two.request(await token()))];
    const connection = await dial(one, first);
    const refused = async (act: () => void): Promise<boolean> => {
      const seen = (async () => {
        for await (const status of connection.status()) if (status.type === 'error' && /permissions violation/i.test(String(status.error))) return true;
        return false;
      })();
      act();
      return Promise.race([seen, new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 1_000).unref())]);
    };
    expect(await refused(() => beat(connection, first.node))).toBe(false);
    expect(await refused(() => beat(connection, second.node))).toBe(true);
    expect(await refused(() => connection.publish('$JS.API.STREAM.NAMES'))).toBe(true);
    expect(await refused(() => connection.publish('mizan.record.gateway', 'forged'))).toBe(true);
    expect(await refused(() => void connection.subscribe(nodeSubjects.down(second.node)))).toBe(true);
    expect(await refused(() => void connection.subscribe('_INBOX_gateway.>'))).toBe(true);
  });

  it('has offers up while their node beats and down after three missed beats, written only when they change', async () => {
    const machine = new Machine();
    const enrolled = await enrol(machine.request(await token()));
    const offer = enrolled.offers[0]!.id;
    const connection = await dial(machine, enrolled);
    await becomes(offer, 'down');
    const beating = setInterval(() => beat(connection, enrolled.node), limits.heartbeatMs);
    beat(connection, enrolled.node);
    await becomes(offer, 'up');
    let changes = 0;
    offers.onChange((key) => (changes += key === offer ? 1 : 0));
    await new Promise((resolve) => setTimeout(resolve, 4 * limits.heartbeatMs));
    clearInterval(beating);
    expect(offers.get(offer)?.state).toBe('up');
    expect(changes).toBe(0);
    const silentAt = Date.now();
    await becomes(offer, 'down');
    expect(Date.now() - silentAt).toBeGreaterThan(limits.heartbeatMs * (limits.heartbeatMissesMax - 1));
    beat(connection, enrolled.node);
    await becomes(offer, 'up');
  });

  it('cuts a revoked node off at once, for good, over a restart of the server, and only that one', async () => {
    const [bad, good] = [new Machine(), new Machine()];
    const [revoked, kept] = [await enrol(bad.request(await token())), await enrol(good.request(await token()))];
    const [cut, stays] = [await dial(bad, revoked), await dial(good, kept)];
    const offer = revoked.offers[0]!.id;
    beat(cut, revoked.node);
    await becomes(offer, 'up');
    const answer = await caller.call(schedulerCalls.revokeNode, { actor, node: revoked.node });
    expect(answer).toMatchObject({ id: revoked.node, state: 'revoked', online: false });
    await cut.closed();
    await becomes(offer, undefined);
    await expect(dial(bad, revoked)).rejects.toThrow(/authorization|authentication/i);
    beat(stays, kept.node);
    await becomes(kept.offers[0]!.id, 'up');
    await isTold('EVENTS', 'mizan.event.scheduler.node-revoked', { node: revoked.node });
    await isTold('RECORDS', 'mizan.record.scheduler', { v: 1, records: [expect.objectContaining({ type: 'token.created', tenant: null, fields: expect.objectContaining({ name: 't', byContract: true, by: actor.keyId }) as unknown }) as unknown] });
    await isTold('RECORDS', 'mizan.record.scheduler', { v: 1, records: [expect.objectContaining({ id: revoked.node, type: 'node.revoked', tenant: null })] });
    // Again is no error, and unknown is.
    await expect(caller.call(schedulerCalls.revokeNode, { actor, node: revoked.node })).resolves.toMatchObject({ state: 'revoked' });
    await expect(caller.call(schedulerCalls.revokeNode, { actor, node: offer })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await nats.kill();
    await nats.restart();
    await expect(dial(bad, revoked)).rejects.toThrow(/authorization|authentication/i);
    await expect(dial(good, kept)).resolves.toBeDefined();
  });

  it('keeps its nodes and its market over a restart of its own', async () => {
    // The server was restarted before: the scheduler may still be coming back.
    for (let tries = 0; tries < 3_000 && (await fetch(`${service.url}/readyz`)).status !== 200; tries += 1) await new Promise((resolve) => setTimeout(resolve, 50));
    const before = await caller.call(schedulerCalls.listOffers, { limit: 200 });
    expect(before.data.length).toBeGreaterThan(3);
    await service.stop();
    service = await runService(scheduler, env);
    const after = await caller.call(schedulerCalls.listOffers, { limit: 200 });
    expect(after.data.map(({ id }) => id)).toEqual(before.data.map(({ id }) => id));
    const page = await caller.call(schedulerCalls.listOffers, { limit: 2, after: after.data[0]!.id });
    expect(page).toMatchObject({ hasMore: true, data: [{ id: after.data[1]!.id }, { id: after.data[2]!.id }] });
  });

  it('does not start where an affected NATS server would be shown to nodes of other machines', async () => {
    const url = 'nats://203.0.113.5:4222';
    const outcome = await runService(scheduler, { ...env, PUBLIC_NATS_URL: url }).then(
      (running) => running.stop().then(() => undefined),
      (error: Error) => error.message,
    );
    expect(outcome).toBe(exposureRefusal(gateway.connection.info!.version, url));
  });
});
