import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Home, Ports, Secrets, launchUnder, localDatabase, withClient } from './index.js';
import type { LocalDatabase } from './index.js';

describe('the embedded database', () => {
  const home = new Home(mkdtempSync(join(tmpdir(), 'mizan-db-')));
  const parts = () => ({ home, secrets: new Secrets(home), ports: new Ports(home), launch: launchUnder(home), env: {} });
  let database: LocalDatabase;
  beforeAll(async () => {
    database = await localDatabase(parts());
  });
  afterAll(async () => {
    await database.running?.stop();
    rmSync(home.root, { recursive: true, force: true });
  });

  it('syncs to disk and listens on loopback only', async () => {
    const show = (name: string) => withClient(database.adminUrl, async (client) => (await client.query(`SHOW ${name}`)).rows[0]);
    expect(await show('fsync')).toEqual({ fsync: 'on' });
    expect(await show('listen_addresses')).toEqual({ listen_addresses: '127.0.0.1' });
  });

  it('lets an owner migrate, a service use only what was granted, the verifier read all and write nothing', async () => {
    await withClient(database.ownerUrl('billing'), async (client) => {
      await client.query('CREATE TABLE billing.accounts (id text, tenant text)');
      await client.query('CREATE TABLE billing.closed (id text)');
      await client.query('ALTER TABLE billing.accounts ENABLE ROW LEVEL SECURITY');
      await client.query('ALTER TABLE billing.accounts FORCE ROW LEVEL SECURITY');
      await client.query(`CREATE POLICY tenant ON billing.accounts USING (current_setting('app.tenant', true) IN (tenant, '*'))`);
      await client.query('GRANT SELECT, INSERT ON billing.accounts TO mizan_billing');
      await expect(client.query('CREATE TABLE governance.intruder (id text)')).rejects.toThrow('permission denied');
    });
    await withClient(database.serviceUrl('billing'), async (client) => {
      await client.query("SET app.tenant = 'a'");
      await client.query("INSERT INTO billing.accounts VALUES ('1', 'a')");
      await expect(client.query('SELECT * FROM billing.closed')).rejects.toThrow('permission denied');
      await expect(client.query('CREATE TABLE billing.own (id text)')).rejects.toThrow('permission denied');
    });
    await withClient(database.serviceUrl('governance'), async (client) => {
      await expect(client.query('SELECT * FROM billing.accounts')).rejects.toThrow('permission denied');
    });
    await withClient(database.verifyUrl, async (client) => {
      expect((await client.query('SELECT id FROM billing.accounts')).rows).toEqual([{ id: '1' }]);
      await expect(client.query("INSERT INTO billing.accounts VALUES ('2', 'a')")).rejects.toThrow('read-only transaction');
      await client.query('SET default_transaction_read_only = off');
      await expect(client.query("INSERT INTO billing.accounts VALUES ('2', 'a')")).rejects.toThrow('permission denied');
    });
  });

  it('keeps data, port and passwords over a crash', async () => {
    const before = database.serviceUrl('billing');
    await database.running!.kill();
    database = await localDatabase(parts());
    expect(database.serviceUrl('billing')).toBe(before);
    const rows = await withClient(database.verifyUrl, async (client) => (await client.query('SELECT id FROM billing.accounts')).rows);
    expect(rows).toEqual([{ id: '1' }]);
  });

  it('may be another server given by URL', async () => {
    const elsewhere = await localDatabase({ ...parts(), env: { MIZAN_DATABASE_URL: database.adminUrl } });
    expect(elsewhere.running).toBeUndefined();
    expect(elsewhere.serviceUrl('billing')).toBe(database.serviceUrl('billing'));
    const wrong = localDatabase({ ...parts(), env: { MIZAN_DATABASE_URL: 'postgres://postgres:wrong@127.0.0.1:1/mizan' } });
    await expect(wrong).rejects.toThrow('cannot prepare the database at 127.0.0.1:1');
  });
});
