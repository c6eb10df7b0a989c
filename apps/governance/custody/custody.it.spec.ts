import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes, randomUUID } from 'node:crypto';
import { SystemClock, SystemIds } from '#kernel';
import type { Caller, ReplicaView } from '#messaging';
import { closeCalls, custodyCalls, governanceCalls, Sealer, sealRecord, type TenantEntry, generateSealKeys } from '#protocol';
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
const eventsOf = async (tenant: string | null, type: 'sealing.rotated' | 'kms.changed' | 'master.rotated', count: number) =>
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
