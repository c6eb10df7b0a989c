import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { AllowList, outboundTarget } from '#outbound';
import { ck } from './cryptoki.js';
import { FileKeys } from './file-keys.js';
import { LocalHsm, testHsm } from './hsm-harness.js';
import type { KeyManager } from './key-manager.js';
import { Pkcs11Keys } from './pkcs11-keys.js';
import { VaultTransit } from './vault-transit.js';
import { LocalVault } from './vault-harness.js';

const old = randomBytes(32);
const file = new FileKeys([old]);
let vault: LocalVault;
const { cryptoki, ...token } = testHsm();
const hsm = new Pkcs11Keys(cryptoki, token);
const transit = (token = vault.token): VaultTransit => new VaultTransit({ url: vault.url, mount: 'transit', token }, { target: (url) => new URL(url) });

beforeAll(async () => {
  vault = await LocalVault.start('bank');
  await hsm.rotate('bank');
});
afterAll(() => vault?.stop());

describe.each<[string, () => KeyManager, () => Promise<KeyManager>]>([
  ['in the environment', () => file, () => Promise.resolve(new FileKeys([randomBytes(32), old]))],
  ['in an HSM', () => hsm, async () => (await hsm.rotate('bank'), hsm)],
  ['in a KMS', () => transit(), async () => (await transit().rotate('bank'), transit())],
])('a key that wraps others, %s', (_, make, renewed) => {
  it('opens what it wrapped where it belongs, and nowhere else', async () => {
    const key = randomBytes(32);
    const wrapped = await make().wrap('bank', key, 'tenant 1');
    expect(Buffer.from(await make().unwrap('bank', wrapped, 'tenant 1'))).toEqual(key);
    await expect(make().unwrap('bank', wrapped, 'tenant 2')).rejects.toMatchObject({ code: 'KMS_REFUSED' });
    await expect(make().unwrap('other', wrapped, 'tenant 1')).rejects.toMatchObject({ code: 'KMS_REFUSED' });
    await expect(make().unwrap('bank', `${wrapped.slice(0, -8)}${wrapped.endsWith('AAAAAAA=') ? 'BBBBBBB=' : 'AAAAAAA='}`, 'tenant 1')).rejects.toMatchObject({ code: 'KMS_REFUSED' });
  });

  it('is renewed: the old version still opens, and what is rewrapped is under the new one', async () => {
    const key = randomBytes(32);
    const wrapped = await make().wrap('bank', key, 'tenant 1');
    const next = await renewed();
    expect(Buffer.from(await next.unwrap('bank', wrapped, 'tenant 1'))).toEqual(key);
    const again = await next.rewrap('bank', wrapped, 'tenant 1');
    expect(again.split(':')[1]).not.toBe(wrapped.split(':')[1]);
    expect(Buffer.from(await next.unwrap('bank', again, 'tenant 1'))).toEqual(key);
  });
});

describe('a key of the environment', () => {
  it('that is configured no more says what is missing', async () => {
    const wrapped = await file.wrap('master', randomBytes(32), 'tenant 1');
    await expect(new FileKeys([randomBytes(32)]).unwrap('master', wrapped, 'tenant 1')).rejects.toThrow(/GOVERNANCE_MASTER_KEYS_OLD/);
  });
});

describe('a KMS', () => {
  it('is asked in the words of a transit engine', async () => {
    vault.asked.length = 0;
    const wrapped = await transit().wrap('bank', randomBytes(32), 'x');
    await transit().unwrap('bank', wrapped, 'x');
    await transit().rewrap('bank', wrapped);
    expect(await transit().rotate('bank')).toMatch(/^v\d+$/);
    expect(vault.asked).toEqual(['POST /v1/transit/encrypt/bank', 'POST /v1/transit/decrypt/bank', 'POST /v1/transit/rewrap/bank', 'POST /v1/transit/keys/bank/rotate', 'GET /v1/transit/keys/bank']);
  });

  it('that says no is told from one that is away', async () => {
    await expect(transit('wrong').wrap('bank', randomBytes(32), 'x')).rejects.toMatchObject({ code: 'KMS_REFUSED' });
    await expect(transit().wrap('nobody', randomBytes(32), 'x')).rejects.toMatchObject({ code: 'KMS_REFUSED' });
    vault.broken = 503;
    await expect(transit().wrap('bank', randomBytes(32), 'x')).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' });
    vault.broken = undefined;
    const nobody = new VaultTransit({ url: 'http://127.0.0.1:9', mount: 'transit', token: 't' }, { target: (url) => new URL(url) });
    await expect(nobody.rotate('bank')).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' });
  });

  it('of an organisation is not looked for inside, unless the operator lists it', async () => {
    const reach = (list: string) => new VaultTransit({ url: vault.url, mount: 'transit', token: vault.token }, { target: (url) => outboundTarget(url, new AllowList(list)) });
    await expect(reach('').wrap('bank', randomBytes(32), 'x')).rejects.toMatchObject({ code: 'URL_REFUSED' });
    await expect(reach('127.0.0.1/32').wrap('bank', randomBytes(32), 'x')).resolves.toMatch(/^vault:v/);
  });
});

describe('an HSM', () => {
  const local = async (): Promise<{ device: LocalHsm; keys: Pkcs11Keys }> => {
    const device = new LocalHsm('vault', '0000');
    const keys = new Pkcs11Keys(device, { token: 'vault', pin: '0000' });
    await keys.rotate('mizan');
    return { device, keys };
  };

  it('makes keys that cannot be taken out, numbers them, and answers many at once by a session each', async () => {
    const { device, keys } = await local();
    expect(await keys.rotate('mizan')).toBe('v2');
    const made = new Map(device.templates.at(-1)!.map(({ type, value }) => [type, value]));
    expect([ck.attribute.extractable, ck.attribute.sensitive, ck.attribute.private, ck.attribute.token].map((type) => made.get(type))).toEqual([false, true, true, true]);
    const all = Array.from({ length: 20 }, () => randomBytes(32));
    const wrapped = await Promise.all(all.map((key, n) => keys.wrap('mizan', key, `tenant ${n}`)));
    expect(wrapped.every((text) => text.startsWith('pkcs11:2:'))).toBe(true);
    expect(await Promise.all(wrapped.map((text, n) => keys.unwrap('mizan', text, `tenant ${n}`).then(Buffer.from)))).toEqual(all);
    expect(device.open).toBe(0);
  });

  it('that was away is begun anew; a wrong PIN, key or token is told apart from that', async () => {
    const { device, keys } = await local();
    const wrapped = await keys.wrap('mizan', randomBytes(32), 'x');
    device.broken = ck.error.deviceRemoved;
    await expect(keys.unwrap('mizan', wrapped, 'x')).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' });
    device.broken = undefined;
    await expect(keys.unwrap('mizan', wrapped, 'x')).resolves.toHaveLength(32);
    await expect(keys.wrap('other', randomBytes(32), 'x')).rejects.toMatchObject({ code: 'KMS_REFUSED', message: expect.stringContaining('other') as unknown });
    await expect(new Pkcs11Keys(device, { token: 'vault', pin: '1111' }).wrap('mizan', randomBytes(32), 'x')).rejects.toMatchObject({ code: 'KMS_REFUSED' });
    await expect(new Pkcs11Keys(device, { token: 'elsewhere', pin: '0000' }).wrap('mizan', randomBytes(32), 'x')).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE' });
    await expect(keys.unwrap('mizan', 'vault:v1:AAAA', 'x')).rejects.toMatchObject({ code: 'KMS_REFUSED' });
    expect(device.open).toBe(0);
  });
});
