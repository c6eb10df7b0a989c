import { afterAll, describe, expect, it } from '@jest/globals';
import { databaseServices, withClient } from '#local';
import { createTestDatabase, ownPostgres, testPostgres } from './index.js';
import { databaseOn } from './database.js';
import type { TestDatabase } from './index.js';

describe('test databases', () => {
  const made: TestDatabase[] = [];
  afterAll(() => Promise.all(made.map((database) => database.drop())));

  it('share one server and see nothing of each other', async () => {
    const [first, second] = await Promise.all([createTestDatabase({ service: 'billing' }), createTestDatabase({ service: 'billing' })]);
    made.push(first, second);
    expect((await testPostgres()).adminUrl).toBe((await testPostgres()).adminUrl);
    await withClient(first.ownerUrl, (client) => client.query('CREATE TABLE billing.mine (id int)'));
    await withClient(second.ownerUrl, async (client) => {
      await expect(client.query('SELECT * FROM billing.mine')).rejects.toThrow('does not exist');
    });
  });

  it('have the schema of every service, closed to the others', async () => {
    const database = await createTestDatabase({ service: 'settlement' });
    made.push(database);
    for (const service of databaseServices) {
      await withClient(database.of(service).ownerUrl, (client) => client.query(`CREATE TABLE ${service}.things (id int)`));
    }
    await withClient(database.url, async (client) => {
      await expect(client.query('SELECT * FROM governance.things')).rejects.toThrow('permission denied');
    });
  });

  it('can be on a server of their own that crashes and comes back', async () => {
    const server = await ownPostgres();
    try {
      const database = await databaseOn(server, 'billing');
      await withClient(database.ownerUrl, (client) => client.query('CREATE TABLE billing.kept AS SELECT 1 AS id'));
      await server.kill();
      await expect(withClient(database.ownerUrl, (client) => client.query('SELECT 1'))).rejects.toThrow();
      await server.restart();
      const rows = await withClient(database.ownerUrl, async (client) => (await client.query('SELECT id FROM billing.kept')).rows);
      expect(rows).toEqual([{ id: 1 }]);
    } finally {
      await server.remove();
    }
  });
});
