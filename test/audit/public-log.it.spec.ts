import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { knownLogs } from '../../apps/cli/witness/known-logs.js';
import { LastCheckpoints } from '../../apps/cli/witness/last-checkpoints.js';
import { witnessKey } from '../../apps/cli/witness/witness-key.js';
import { serveWitness, type WitnessServer } from '../../apps/cli/witness/witness-server.js';
import { Witness } from '../../apps/cli/witness/witness.js';
import { LogSource } from '../../apps/cli/monitor/log-source.js';
import { newMemory } from '../../apps/cli/monitor/memory.js';
import { monitorRound, type MonitorParts } from '../../apps/cli/monitor/monitor.js';
import { verifyOffline } from '../../apps/cli/verify/offline-proof.js';
import { gateway } from '../../apps/gateway/gateway.service-definition.js';
import { generateApiKey } from '../../apps/governance/keys/api-key.js';
import { governance } from '../../apps/governance/governance.service-definition.js';
import { Bus, Caller } from '#messaging';
import { ed25519Signer, formatVerifierKey, openCheckpoint, verifySignature, type Cosigner } from '#merkle';
import { governanceCalls, operatorRecord, recordCommit, type LogRecord } from '#protocol';
import { migrate, runService, type RunningService } from '#service';
import { createTestDatabase, testNats, type TestDatabase, type TestNats } from '#testing';

const seed = randomBytes(32);
const signer = ed25519Signer('mizan.test/audit', seed);
const logKey = formatVerifierKey(signer.key);
const pepper = 'a pepper for tests only';
let database: TestDatabase;
let nats: TestNats;
let log: RunningService;
let edge: RunningService;
let publisher: Bus;
let reader: Bus;
let directory: string;
let cosigner: Cosigner;
let witness: WitnessServer | undefined;
let witnessPort: number;

const recordOf = (): LogRecord => operatorRecord({ id: randomUUID(), type: 'price.set', timeMs: Date.now(), fields: { nanos: '5' }, facts: null });
const publish = (...records: LogRecord[]) => publisher.jetstream.publish('mizan.record.billing', JSON.stringify(recordCommit.encode({ v: 1, records })), { msgID: randomUUID() });
const published = async (): Promise<string> => (await fetch(`${edge.url}/log/checkpoint`)).text();
const shown = async () => openCheckpoint(await published(), signer.key, verifySignature, [cosigner.key]);

async function startWitness(): Promise<void> {
  const parts = new Witness(knownLogs([logKey]), new LastCheckpoints(directory), cosigner, () => Math.floor(Date.now() / 1_000));
  witness = await serveWitness(parts, formatVerifierKey(cosigner.key), { host: '127.0.0.1', port: witnessPort }, () => undefined);
}

async function eventually<T>(ask: () => Promise<T | undefined>, withinMs = 60_000): Promise<T> {
  for (const deadline = Date.now() + withinMs; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const found = await ask();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error('it did not come about in time');
  }
}

/** A free port that stays the witness's over its restart. */
async function takePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'mizan-witness-'));
  cosigner = await witnessKey(directory, 'witness.test/w1');
  witnessPort = await takePort();
  await startWitness();
  nats = await testNats();
  database = await createTestDatabase({ service: 'governance' });
  await migrate(governance, database.ownerUrl);
  const env = (name: 'gateway' | 'governance'): NodeJS.ProcessEnv => ({ NATS_URL: nats.url, NATS_CREDS: nats.credentials[name], LOG_LEVEL: 'fatal', KEY_PEPPER: pepper });
  log = await runService(governance, {
    ...env('governance'),
    DATABASE_URL: database.url,
    GOVERNANCE_MASTER_KEY: '5a'.repeat(32),
    AUDIT_ORIGIN: signer.key.name,
    AUDIT_SIGNING_SEED: seed.toString('hex'),
    BOOTSTRAP_ADMIN_KEY: generateApiKey(),
    AUDIT_WITNESSES: `http://127.0.0.1:${witnessPort} ${formatVerifierKey(cosigner.key)}`,
    AUDIT_WITNESS_INTERVAL_MS: '100',
  });
  edge = await runService(gateway, env('gateway'));
  publisher = await Bus.connect({ url: nats.url, creds: nats.credentials.billing, name: 'billing' });
  reader = await Bus.connect({ url: nats.url, creds: nats.credentials.gateway, name: 'gateway' });
});

afterAll(async () => {
  await Promise.all([publisher?.close(), reader?.close()]);
  await edge?.stop();
  await log?.stop();
  await witness?.close();
  await nats?.stop();
  await database?.drop();
  rmSync(directory, { recursive: true });
});

describe('the public log, with the services that make it and the tools that check it', () => {
  const first = Array.from({ length: 150 }, recordOf);

  it('is cosigned by a witness, followed by a monitor, and proven by bundles that carry the cosignature', async () => {
    await publish(...first.slice(0, 64));
    await publish(...first.slice(64, 128));
    await publish(...first.slice(128));
    const { size, witnessedBy } = await eventually(async () => {
      const found = await shown();
      return found.size >= 150 && found.witnessedBy.length > 0 ? found : undefined;
    });
    expect(witnessedBy).toEqual([cosigner.key]);

    const parts: MonitorParts = { log: new LogSource(`${edge.url}/log`), logKey: signer.key, witnesses: [cosigner.key], quorum: 1, anchors: undefined, anchorWithinMs: undefined, wallMs: () => Date.now(), patienceMs: 5_000, pauseMs: 50, nowMs: () => performance.now() };
    const round = await monitorRound(parts, newMemory(logKey));
    expect(round).toMatchObject({ size, added: size, witnessedBy: ['witness.test/w1'] });

    const more = recordOf();
    await publish(more);
    await eventually(async () => ((await shown()).size > size ? true : undefined));
    expect(await monitorRound(parts, round.memory)).toMatchObject({ size: size + 1, added: 1 });

    const proof = JSON.stringify(await new Caller(reader).call(governanceCalls.proveRecord, { tenant: null, id: more.id }));
    expect(verifyOffline(proof, logKey, [formatVerifierKey(cosigner.key)])).toMatchObject({ valid: true, entries: [{ index: size, logSize: size + 1, witnessedBy: ['witness.test/w1'] }] });
    expect(verifyOffline(proof, logKey)).toMatchObject({ valid: true, entries: [{ witnessedBy: [] }] });
  });

  it('shows no more than a witness has seen while there is none, and catches up when it is back', async () => {
    const { size } = await shown();
    await witness!.close();
    const late = recordOf();
    await publish(late);
    const proof = await eventually(async () => new Caller(reader).call(governanceCalls.proveRecord, { tenant: null, id: late.id }).catch(() => undefined));
    expect(verifyOffline(JSON.stringify(proof), logKey, [formatVerifierKey(cosigner.key)])).toMatchObject({ valid: true, entries: [{ logSize: size + 1, witnessedBy: [] }] });
    expect((await shown()).size).toBe(size);
    // What is anchored meanwhile is what everybody is shown.
    const sizes = await Promise.all([{}, { published: true }].map(async (of) => (await new Caller(reader).call(governanceCalls.checkpoint, of)).size));
    expect(sizes).toEqual([size + 1, size]);
    await startWitness();
    expect((await eventually(async () => ((await shown()).size > size ? shown() : undefined))).witnessedBy).toEqual([cosigner.key]);
  });
});
