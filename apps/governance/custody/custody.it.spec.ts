import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPublicKey, randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { SystemClock, SystemIds, uuidv7 } from '#kernel';
import { Caller, type Bus, type ReplicaView } from '#messaging';
import { closeCalls, contentKeyCalls, custodyCalls, governanceCalls, openedContentKey, Sealer, sealRecord, type TenantEntry, generateSealKeys, unseal, x25519PrivateKey, x25519RawPublic } from '#protocol';
import { eventually, GovernanceStack, nobody } from '../governance-harness.js';
import { sealKeyContext, wrapKey } from '../organisations/key-wrapping.js';
import { LocalVault } from './vault-harness.js';

const ids = new SystemIds(new SystemClock());
const firstMaster = randomBytes(32);
let vault: LocalVault;
let stack: GovernanceStack;
let caller: Caller;
let tenants: ReplicaView<TenantEntry>;

/** A record of the organisation as its gateway would seal it now; gives its id. */
async function recordOf(tenant: string, type: 'refused' | 'completed' = 'refused'): Promise<string> {
  const entry = tenants.get(tenant)!;
  const id = ids.uuid();
  const record = sealRecord({ id, type, timeMs: Date.now(), fields: { note: id, chargeNanos: '7' }, facts: null }, entry, new Sealer(Buffer.from(entry.sealKey, 'base64'), entry.sealKeyId));
  await stack.publish(record);
  await eventually(() => caller.call(governanceCalls.proveRecord, { tenant, id }));
  return id;
}

const noteOf = async (tenant: string, id: string): Promise<unknown> => (await caller.call(governanceCalls.getRecord, { tenant, id })).entries[0]!.body?.fields['note'];
const eventsOf = async (tenant: string | null, type: 'sealing.rotated' | 'sealing.destroyed' | 'kms.changed' | 'master.rotated', count: number) =>
  eventually(async () => {
    const { data } = await caller.call(governanceCalls.listRecords, { tenant, type, limit: 50 });
    expect(data).toHaveLength(count);
    return data;
  });

beforeAll(async () => {
  vault = await LocalVault.start('bank', 'mizan');
  stack = await GovernanceStack.start({ GOVERNANCE_MASTER_KEY: firstMaster.toString('hex'), KMS_OUTBOUND_ALLOW: '127.0.0.1/32' });
  ({ caller, tenants } = stack);
});

afterAll(async () => {
  await stack?.stop();
  await vault?.stop();
});

describe('the keys of an organisation', () => {
  it('are renewed: gateways seal to the new one, what is there stays readable, and it is in the log', async () => {
    const { tenant, sealKeyId } = await stack.bank();
    const before = await recordOf(tenant);
    expect(await caller.call(custodyCalls.rotate, { actor: nobody, tenant })).toMatchObject({ tenantKey: { version: 2, kept: 'file' }, kms: null });
    await eventually(() => expect(tenants.get(tenant)!.sealKeyId).not.toBe(sealKeyId));
    const after = await recordOf(tenant);
    expect([await noteOf(tenant, before), await noteOf(tenant, after)]).toEqual([before, after]);
    expect((await caller.call(custodyCalls.list, { tenant, limit: 9 })).data.filter(({ purpose }) => purpose === 'lasting')).toMatchObject([{ id: sealKeyId, current: false }, { id: tenants.get(tenant)!.sealKeyId, current: true }]);
    expect(await stack.asSuperuser('SELECT version FROM governance.tenant_keys WHERE tenant = $1', [tenant])).toEqual([{ version: 2 }]);
    await eventsOf(tenant, 'sealing.rotated', 1);
    await expect(caller.call(custodyCalls.rotate, { actor: nobody, tenant: randomUUID() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('are renewed one after the other when two ask at once', async () => {
    const { tenant } = await stack.bank();
    const before = await recordOf(tenant);
    await Promise.all([1, 2, 3].map(() => caller.call(custodyCalls.rotate, { actor: nobody, tenant })));
    expect((await caller.call(custodyCalls.list, { tenant, limit: 9 })).tenantKey).toMatchObject({ version: 4 });
    expect(await noteOf(tenant, before)).toBe(before);
  });

  it('can be in its own KMS, and open only while that says so; the books close all the same', async () => {
    const { tenant } = await stack.bank();
    const record = await recordOf(tenant, 'completed');
    const kms = { url: vault.url, mount: 'transit', key: 'bank', token: vault.token };
    await expect(caller.call(custodyCalls.putKms, { actor: nobody, tenant, kms: { ...kms, token: 'wrong' } })).rejects.toMatchObject({ code: 'KMS_REFUSED' });
    expect(await caller.call(custodyCalls.putKms, { actor: nobody, tenant, kms })).toEqual({ tenantKey: expect.objectContaining({ version: 1, kept: 'tenant' }), kms: { url: vault.url, mount: 'transit', key: 'bank' } });
    await caller.call(custodyCalls.rotate, { actor: nobody, tenant });
    await stack.restart();
    expect(await noteOf(tenant, record)).toBe(record);
    await stack.restart();
    vault.token = 'another';
    await expect(noteOf(tenant, record)).rejects.toMatchObject({ code: 'KMS_REFUSED' });
    const { ends } = await caller.call(closeCalls.recordEnds, { from: 0 });
    expect(ends.filter((end) => end.record === record)).toMatchObject([{ chargeNanos: null, unreadable: false }]);
    const during = await recordOf(tenant);
    vault.token = kms.token;
    expect([await noteOf(tenant, record), await noteOf(tenant, during)]).toEqual([record, during]);
    expect(await caller.call(custodyCalls.putKms, { actor: nobody, tenant, kms: null })).toMatchObject({ tenantKey: { kept: 'file' }, kms: null });
    vault.broken = 503;
    expect(await noteOf(tenant, record)).toBe(record);
    vault.broken = undefined;
    await eventsOf(tenant, 'kms.changed', 2);
    expect(JSON.stringify(await stack.asSuperuser('SELECT * FROM governance.tenant_kms'))).not.toContain(kms.token);
  });
});

describe('the keys over contents', () => {
  let scheduler: Bus;
  let asScheduler: Caller;
  beforeAll(async () => {
    scheduler = await stack.connect('scheduler');
    asScheduler = new Caller(scheduler);
  });
  afterAll(() => scheduler?.close());

  const ask = (tenant: string, id: string, { publicKey } = generateSealKeys()) => asScheduler.call(contentKeyCalls.open, { tenant, id, to: publicKey.toString('base64') });

  /** The public half that belongs to what governance opens. */
  async function opened(tenant: string, id: string): Promise<string> {
    const asker = generateSealKeys();
    const { sealed, openMs } = await ask(tenant, id, asker);
    // What is left of the five minutes, so that both services together keep it no longer.
    expect(openMs).toBeLessThanOrEqual(300_000);
    expect((await ask(tenant, id)).openMs).toBeLessThan(openMs);
    expect(() => unseal(sealed, asker.privateKey, openedContentKey(randomUUID(), id))).toThrow();
    return x25519RawPublic(createPublicKey(x25519PrivateKey(unseal(sealed, asker.privateKey, openedContentKey(tenant, id))))).toString('base64');
  }
  const contentsOf = async (tenant: string) => (await caller.call(custodyCalls.list, { tenant, limit: 50 })).data.filter(({ purpose }) => purpose === 'contents');

  it('are opened for the scheduler alone, and only those of the organisation that it names', async () => {
    const [mine, others] = [await stack.bank(), await stack.bank()];
    expect(await opened(mine.tenant, mine.contentKey!.id)).toBe(mine.contentKey!.key);
    const to = generateSealKeys().publicKey.toString('base64');
    for (const id of [others.contentKey!.id, mine.sealKeyId, mine.requestKey!.id, randomUUID()]) await expect(asScheduler.call(contentKeyCalls.open, { tenant: mine.tenant, id, to })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const unchecked = { ...contentKeyCalls.open, request: z.any() };
    for (const wrong of [31, 32, 33, 4_096].map((bytes) => Buffer.alloc(bytes).toString('base64')).concat('?')) await expect(asScheduler.call(unchecked, { tenant: mine.tenant, id: mine.contentKey!.id, to: wrong })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    for (const name of ['settlement', 'billing'] as const) {
      const bus = await stack.connect(name);
      await expect(new Caller(bus).call({ ...contentKeyCalls.open, timeoutMs: 500 }, { tenant: mine.tenant, id: mine.contentKey!.id, to })).rejects.toThrow();
      await bus.close();
    }
    await expect(caller.call({ ...contentKeyCalls.open, timeoutMs: 500 }, { tenant: mine.tenant, id: mine.contentKey!.id, to })).rejects.toThrow();
    await expect(caller.call({ ...contentKeyCalls.destroy, timeoutMs: 500 }, { tenant: mine.tenant, id: mine.contentKey!.id })).rejects.toThrow();
  });

  it('are renewed with the others; the old one opens until the scheduler says that nothing is under it, and is destroyed once', async () => {
    const { tenant, contentKey: old } = await stack.bank();
    await expect(asScheduler.call(contentKeyCalls.destroy, { tenant, id: old!.id })).rejects.toMatchObject({ code: 'CONFLICT' });
    await caller.call(custodyCalls.rotate, { actor: nobody, tenant });
    const next = await eventually(() => {
      const { contentKey } = tenants.get(tenant)!;
      expect(contentKey!.id > old!.id).toBe(true);
      return contentKey!;
    });
    expect([await opened(tenant, old!.id), await opened(tenant, next.id)]).toEqual([old!.key, next.key]);
    for (const id of [randomUUID(), (await stack.bank()).contentKey!.id]) await expect(asScheduler.call(contentKeyCalls.destroy, { tenant, id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await Promise.all([1, 2, 3].map(() => asScheduler.call(contentKeyCalls.destroy, { tenant, id: old!.id })));
    await expect(opened(tenant, old!.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await contentsOf(tenant)).toMatchObject([{ id: old!.id, current: false, destroyedAtMs: expect.any(Number) }, { id: next.id, current: true, destroyedAtMs: null }]);
    await eventsOf(tenant, 'sealing.destroyed', 1);
    await caller.call(custodyCalls.rotate, { actor: nobody, tenant });
    expect(await opened(tenant, next.id)).toBe(next.key);
  });

  it('open only while the organisation’s own KMS says so; what is over is destroyed without it', async () => {
    const { tenant, contentKey: old } = await stack.bank();
    await caller.call(custodyCalls.putKms, { actor: nobody, tenant, kms: { url: vault.url, mount: 'transit', key: 'bank', token: vault.token } });
    await caller.call(custodyCalls.rotate, { actor: nobody, tenant });
    const next = await eventually(() => {
      const { contentKey } = tenants.get(tenant)!;
      expect(contentKey!.id).not.toBe(old!.id);
      return contentKey!;
    });
    const { token } = vault;
    try {
      await stack.restart();
      vault.token = 'another';
      await expect(opened(tenant, next.id)).rejects.toMatchObject({ code: 'KMS_REFUSED' });
      vault.broken = 503;
      await expect(opened(tenant, next.id)).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' });
      await asScheduler.call(contentKeyCalls.destroy, { tenant, id: old!.id });
    } finally {
      vault.token = token;
      vault.broken = undefined;
    }
    expect(await opened(tenant, next.id)).toBe(next.key);
  });

  it('are opened for others while one organisation’s KMS does not answer, however often it is asked for', async () => {
    const [{ tenant }, other] = [await stack.bank(), await stack.bank()];
    await caller.call(custodyCalls.putKms, { actor: nobody, tenant, kms: { url: vault.url, mount: 'transit', key: 'bank', token: vault.token } });
    const key = await eventually(() => tenants.get(tenant)!.contentKey!);
    await stack.restart();
    let answer = (): void => undefined;
    vault.holding = new Promise((resolve) => (answer = resolve));
    try {
      const before = vault.asked.length;
      const waiting = Array.from({ length: 12 }, () => ask(tenant, key.id));
      await eventually(() => expect(vault.asked.length).toBeGreaterThan(before));
      await new Promise((resolve) => setTimeout(resolve, 200));
      const askedMs = Date.now();
      await ask(other.tenant, other.contentKey!.id);
      expect(Date.now() - askedMs).toBeLessThan(3_000);
      answer();
      await Promise.all(waiting);
      expect(vault.asked.length - before).toBe(1);
    } finally {
      answer();
      vault.holding = undefined;
    }
  });

  it('are newer by their ids, also when the clock was set back', async () => {
    const { tenant, contentKey } = await stack.bank();
    const ahead = uuidv7(Date.now() + 3_600_000, randomBytes(10));
    await stack.asSuperuser(
      `INSERT INTO governance.sealing_keys (id, tenant, public_key, created_at_ms, retired_at_ms, destroyed_at_ms, destroyed_by, purpose)
       SELECT $2, tenant, public_key, created_at_ms, created_at_ms, created_at_ms, $2, purpose FROM governance.sealing_keys WHERE id = $1`,
      [contentKey!.id, ahead],
    );
    await caller.call(custodyCalls.rotate, { actor: nobody, tenant });
    const found = (await contentsOf(tenant)).find(({ current }) => current);
    expect(found!.id > ahead).toBe(true);
  });

  it('are made for organisations from before there were any, when governance starts', async () => {
    const { tenant } = await stack.bank();
    await stack.asSuperuser("DELETE FROM governance.sealing_keys WHERE tenant = $1 AND purpose = 'contents'", [tenant]);
    await stack.restart();
    const [made] = await eventually(async () => {
      const found = await contentsOf(tenant);
      expect(found).toHaveLength(1);
      return found;
    });
    await eventually(() => expect(tenants.get(tenant)!.contentKey?.id).toBe(made!.id));
    expect(await opened(tenant, made!.id)).toBe(tenants.get(tenant)!.contentKey!.key);
  });
});

describe('the master key', () => {
  it('is renewed with everything under it, keys from before there were tenant keys included; then the old one is not needed', async () => {
    const [{ tenant }, early] = [await stack.bank(), await stack.bank()];
    // As it was stored when private halves were straight under the master key.
    const { publicKey, privateKey } = generateSealKeys();
    await stack.asSuperuser('UPDATE governance.sealing_keys SET public_key = $2, wrapped_private_key = $3, tenant_key = NULL WHERE id = $1', [early.sealKeyId, publicKey, wrapKey(firstMaster, privateKey, sealKeyContext(early.tenant, early.sealKeyId))]);
    await stack.asSuperuser('DELETE FROM governance.sealing_keys WHERE tenant = $1 AND id <> $2', [early.tenant, early.sealKeyId]);
    await stack.asSuperuser('DELETE FROM governance.tenant_keys WHERE tenant = $1', [early.tenant]);
    const id = ids.uuid();
    const record = sealRecord({ id, type: 'refused', timeMs: Date.now(), fields: { note: id }, facts: null }, early, new Sealer(publicKey, early.sealKeyId));
    await stack.publish(record);
    await eventually(async () => expect(await noteOf(early.tenant, id)).toBe(id));
    const other = await recordOf(tenant);

    const secondMaster = randomBytes(32).toString('hex');
    await stack.restart({ GOVERNANCE_MASTER_KEY: secondMaster, GOVERNANCE_MASTER_KEYS_OLD: firstMaster.toString('hex') });
    const { tenantKeys, kept } = await caller.call(custodyCalls.rotateMaster, { actor: nobody });
    expect([kept, tenantKeys >= 3]).toEqual(['file', true]);
    await stack.restart({ GOVERNANCE_MASTER_KEY: secondMaster });
    expect([await noteOf(early.tenant, id), await noteOf(tenant, other)]).toEqual([id, other]);
    await eventsOf(null, 'master.rotated', 1);

    // From the environment into a KMS, in the same way.
    await stack.restart({ GOVERNANCE_MASTER_KEY: secondMaster, GOVERNANCE_KMS_URL: vault.url, GOVERNANCE_KMS_TOKEN: vault.token });
    expect(await caller.call(custodyCalls.rotateMaster, { actor: nobody })).toMatchObject({ kept: 'kms', version: 'v2' });
    await stack.restart({ GOVERNANCE_MASTER_KEY: randomBytes(32).toString('hex'), GOVERNANCE_KMS_URL: vault.url, GOVERNANCE_KMS_TOKEN: vault.token });
    expect([await noteOf(early.tenant, id), await noteOf(tenant, other)]).toEqual([id, other]);
  });
});
