import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { ed25519Cosigner, ed25519Signer, formatBundle, formatSignature, formatVerifierKey, nodeCrypto, openKeyHistory, openNote, parseNote, parseVerifierKey, sha256, verifyBundle, verifySignature } from '#merkle';
import { bundleCalls, exportCalls, governanceCalls, manifestCalls, Sealer, sealRecord, type ExportFacts, type LogRecord, type TenantEntry } from '#protocol';
import { eventually, GovernanceStack, nobody } from '../governance-harness.js';

let stack: GovernanceStack;
let bank: TenantEntry;

const recordOf = (): LogRecord =>
  sealRecord({ id: randomUUID(), type: 'refused', timeMs: Date.now(), fields: { salt: randomBytes(4).toString('hex') }, facts: null }, bank, new Sealer(Buffer.from(bank.sealKey, 'base64'), bank.sealKeyId));
const head = () => stack.caller.call(governanceCalls.checkpoint, {});
const ready = async (): Promise<unknown> => ((await (await fetch(`${stack.service.operationsUrl}/readyz`)).json()) as { checks: Record<string, unknown> }).checks['log history'];

async function logged(): Promise<string> {
  const record = recordOf();
  await stack.publish(record);
  await eventually(() => stack.caller.call(governanceCalls.getRecord, { tenant: bank.tenant, id: record.id }));
  return record.id;
}

/** As a backup of the log that is put back. */
const tables = ['log_bundles', 'log_ids', 'log_bodies', 'log_tiles', 'log_head'];
const backUp = (): Promise<unknown> => stack.asSuperuser(tables.map((name) => `DROP TABLE IF EXISTS public.${name}; CREATE TABLE public.${name} AS TABLE governance.${name};`).join(''));
const restore = (): Promise<unknown> => stack.asSuperuser(tables.map((name) => `TRUNCATE governance.${name}; INSERT INTO governance.${name} SELECT * FROM public.${name};`).join(''));

beforeAll(async () => {
  stack = await GovernanceStack.start();
  bank = await stack.bank();
  await logged();
});
afterAll(() => stack?.stop());

describe('a log whose database was restored', () => {
  it('signs no second history, also when it has grown past the first', async () => {
    await backUp();
    await logged();
    const lost = await head();
    await restore();
    await stack.restart();
    await expect(head()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    expect(await ready()).toBe(false);
    for (let size = 0; size < 3; size += 1) await logged();
    await expect(head()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    await stack.restart({ AUDIT_ACCEPT_BREAK: `${lost.size} ${'00'.repeat(32)}` });
    await expect(head()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });

    await stack.restart({ AUDIT_ACCEPT_BREAK: `${lost.size} ${lost.root}` });
    expect((await head()).size).toBeGreaterThanOrEqual(lost.size);
    expect(await ready()).toBe(true);
    const broken = await eventually(async () => {
      const { data } = await stack.caller.call(governanceCalls.listRecords, { tenant: null, type: 'log.broken', limit: 10 } as never);
      expect(data).toHaveLength(1);
      return data;
    });
    expect(broken).toHaveLength(1);
  });

  it('goes on when it holds again what was signed', async () => {
    await backUp();
    await restore();
    await stack.restart();
    await logged();
    expect((await head()).size).toBeGreaterThan(0);
  });
});

describe('a log whose key changes', () => {
  const seeds = ['01', '31', '32'].map((byte) => byte.repeat(32));
  const keys = seeds.map((seed) => ed25519Signer('mizan.test/audit', Buffer.from(seed, 'hex')).key);
  const vkeys = keys.map(formatVerifierKey);
  const [seed, next, last] = seeds as [string, string, string];
  let old: { record: string; note: string; size: number };
  const history = async (): Promise<string> => JSON.stringify(await stack.caller.call(governanceCalls.logKeys, {}));
  const reasonOf = async (): Promise<string> => head().then(() => 'it signs', (error: Error) => error.message);
  const readyKey = async (): Promise<unknown> => ((await (await fetch(`${stack.service.operationsUrl}/readyz`)).json()) as { checks: Record<string, unknown> }).checks['log key'];
  const changed = (count: number): Promise<string> =>
    eventually(async () => {
      const text = await history();
      expect(JSON.parse(text)).toMatchObject({ changes: Array.from({ length: count }, () => expect.anything()) });
      return text;
    });

  it('signs nothing under a key that nobody signed in, and goes on where the former one signs that it follows', async () => {
    const begun = await stack.caller.call(exportCalls.begin, { actor: nobody, tenant: bank.tenant, format: 'jsonl', after: null, limit: 10 });
    const facts = (): ExportFacts => ({
      ...{ id: randomUUID(), organisation: bank.tenant, format: 'jsonl', after: null, entries: 0, first: null, last: null, gaps: [], next: null, logSize: begun.until, checkpoint: begun.checkpoint },
      files: [{ name: 'a.jsonl', bytes: 1, sha256: 'a'.repeat(64) }],
    });
    const sealed = await stack.caller.call(manifestCalls.seal, facts());
    expect((await head()).logKey).toBe(vkeys[0]);
    await stack.restart({ AUDIT_SIGNING_SEED: next });
    expect(await reasonOf()).toContain('AUDIT_SIGNING_SEED_FORMER');
    expect(await readyKey()).toBe(false);
    await stack.restart({ AUDIT_SIGNING_SEED: next, AUDIT_SIGNING_SEED_FORMER: last });
    expect(await reasonOf()).toContain('AUDIT_SIGNING_SEED_FORMER');
    await stack.restart({ AUDIT_ORIGIN: 'mizan.test/other', AUDIT_SIGNING_KEY_LOST: vkeys[0] });
    expect(await reasonOf()).toContain('a log keeps its name');

    // Two at once, and one that still has the former key: there is one change, and nothing is signed under the former key above its size.
    const env = { AUDIT_SIGNING_SEED: next, AUDIT_SIGNING_SEED_FORMER: seed };
    await stack.restart();
    const record = await logged();
    const before = await head();
    old = { record, note: before.note, size: before.size };
    expect(before.logKey).toBe(vkeys[0]);
    const [twin] = await Promise.all([stack.another(env), stack.another(env).then((other) => other.stop())]);
    await logged();
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => head()));
    expect(answers.map(({ status }) => status)).toContain('fulfilled');
    for (const answer of answers) if (answer.status === 'fulfilled') expect(answer.value.logKey).toBe(vkeys[1]);
    await twin.stop();
    await stack.restart(env);
    const after = await head();
    expect([after.logKey, await readyKey()]).toEqual([vkeys[1], true]);
    const text = await changed(1);
    for (const known of keys.slice(0, 2)) {
      const { keys: dated } = openKeyHistory(nodeCrypto, text, known);
      expect(dated.map(({ key, untilSize }) => [formatVerifierKey(key), untilSize])).toEqual([[vkeys[0], before.size], [vkeys[1], undefined]]);
    }
    expect(() => openKeyHistory(nodeCrypto, text, keys[2]!)).toThrow('not to the key that you know');
    // What was signed before is handed out as it was; what was begun before is signed under the new key.
    expect(await stack.caller.call(manifestCalls.get, { tenant: bank.tenant, id: sealed.manifest.id })).toEqual(sealed);
    const ended = await stack.caller.call(manifestCalls.seal, facts());
    expect([sealed.logKey, ended.logKey]).toEqual([vkeys[0], vkeys[1]]);
    for (const { note, logKey } of [sealed, ended]) expect(openNote(note, [parseVerifierKey(sha256, logKey)], verifySignature).signedBy).toHaveLength(1);
    await stack.restart({ AUDIT_SIGNING_SEED: next, AUDIT_SIGNING_SEED_FORMER: seed });
    await logged();
    expect(JSON.parse(await history())).toMatchObject({ changes: [expect.anything()] });
  });

  it('is not signed under the former key any more, also by a process that still has it', async () => {
    const { size } = await head();
    await stack.restart();
    await logged();
    expect(await reasonOf()).toContain('nothing is signed');
    await stack.restart({ AUDIT_SIGNING_SEED: seed, AUDIT_SIGNING_SEED_FORMER: next });
    expect(await reasonOf()).toContain('was given up before');
    await stack.restart({ AUDIT_SIGNING_SEED: next });
    expect((await head()).size).toBeGreaterThan(size);
  });

  it('hands out a record of before under the key of now, for who knows any of its keys: also where witnesses cosigned last under the former one', async () => {
    const witness = ed25519Cosigner('witness.example/w1', randomBytes(32));
    const cosigned = old.note + formatSignature(witness.cosign(parseNote(old.note).text, 1_767_225_600));
    await stack.asSuperuser(`INSERT INTO governance.log_checkpoints (size, note, cosigned_by) VALUES (${old.size}, '${cosigned}', '{${witness.key.name}}')`);
    await stack.restart({ AUDIT_SIGNING_SEED: next, AUDIT_WITNESSES: `http://127.0.0.1:9 ${formatVerifierKey(witness.key)}` });
    expect((await stack.caller.call(governanceCalls.checkpoint, { published: true })).note).toBe(cosigned);
    const bundle = await stack.caller.call(bundleCalls.bundleRecord, { tenant: bank.tenant, id: old.record, reader: { ...nobody, tenant: bank.tenant, role: 'auditor' } } as never);
    const proof = await stack.caller.call(governanceCalls.proveRecord, { tenant: bank.tenant, id: old.record });
    expect([bundle.logKey, proof.logKey]).toEqual([vkeys[1], vkeys[1]]);
    for (const logKey of keys.slice(0, 2)) {
      const { checks } = verifyBundle(formatBundle(bundle), nodeCrypto, { logKey, history: openKeyHistory(nodeCrypto, await history(), logKey) });
      expect(checks).toContainEqual(expect.objectContaining({ name: 'key history', holds: true }));
      expect(checks.filter(({ holds }) => holds === false)).toEqual([]);
    }
    await stack.asSuperuser('DELETE FROM governance.log_checkpoints');
    await stack.restart({ AUDIT_SIGNING_SEED: next });
  });

  it.each(['is lost', 'is of an earlier release, which noted no key'])('is signed under no other key than its last change led to when the mark of the highest head %s', async (how) => {
    const { size, root } = await head();
    await stack.loseHeads();
    await stack.provideForHeads(how === 'is lost' ? undefined : { size, root });
    for (const stale of [{}, { AUDIT_SIGNING_SEED: last }]) {
      await stack.restart(stale);
      expect(await reasonOf()).toContain('nothing is signed');
      expect(await readyKey()).toBe(false);
    }
    await stack.restart({ AUDIT_SIGNING_SEED: seed, AUDIT_SIGNING_SEED_FORMER: next });
    expect(await reasonOf()).toContain('was given up before');
    await stack.restart({ AUDIT_SIGNING_SEED: next });
    expect(await head()).toMatchObject({ size, logKey: vkeys[1] });
    expect(JSON.parse(await history())).toMatchObject({ changes: [expect.anything()] });
  });

  it('goes on under a new key by that alone where the former one is lost, and no reader follows it there by itself', async () => {
    // Many ask at once for the first head under it, of a process that could not enter the change when it started.
    const { size, root } = await head();
    await stack.loseHeads();
    await stack.restart({ AUDIT_SIGNING_SEED: last, AUDIT_SIGNING_KEY_LOST: vkeys[1] });
    expect(await reasonOf()).toContain('cannot be read');
    await stack.provideForHeads({ size, root, key: vkeys[1]! });
    const answers = await Promise.allSettled(Array.from({ length: 40 }, () => head()));
    expect(answers.map((answer) => (answer.status === 'fulfilled' ? answer.value.logKey : String(answer.reason)))).toEqual(Array.from({ length: 40 }, () => vkeys[2]));
    expect((await head()).logKey).toBe(vkeys[2]);
    const text = await changed(2);
    expect(openKeyHistory(nodeCrypto, text, keys[2]!).keys).toHaveLength(1);
    for (const known of keys.slice(0, 2)) expect(() => openKeyHistory(nodeCrypto, text, known)).toThrow('has not signed that');
  });
});
