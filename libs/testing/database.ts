import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { loginRole, ownerRole, urlFor, verifyRole, withClient } from '#local';
import type { DatabaseService } from '#local';
import { templateDatabase, testPostgres } from './postgres.js';
import type { TestPostgres } from './postgres.js';

export interface TestDatabase {
  name: string;
  /** Superuser. */
  adminUrl: string;
  /** Owner of the service's schema: migrations. */
  ownerUrl: string;
  /** What the service runs with: only what its migrations granted. */
  url: string;
  /** Reads every schema, every tenant. */
  verifyUrl: string;
  /** The same database for another service. */
  of(service: DatabaseService): { ownerUrl: string; url: string };
  /** Resolves when connections wait for a lock: their processes. Error: none did in a minute. */
  waiting(): Promise<number[]>;
  /** Ends every connection and removes the database. */
  drop(): Promise<void>;
}

/** A fresh database on the shared test server, with roles and schemas, without tables. Drop it in `afterAll`. */
export async function createTestDatabase(options: { service: DatabaseService }): Promise<TestDatabase> {
  return databaseOn(await testPostgres(), options.service);
}

/** The same on a given server. */
export async function databaseOn(server: TestPostgres, service: DatabaseService): Promise<TestDatabase> {
  const name = `t_${service}_${randomBytes(6).toString('hex')}`;
  await withClient(server.adminUrl, async (client) => {
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${templateDatabase}`);
    // Rights on a database are not copied from its template.
    await client.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`);
    const { rows } = await client.query<{ rolname: string }>("SELECT rolname FROM pg_roles WHERE rolname LIKE 'mizan\\_%'");
    await client.query(`GRANT CONNECT ON DATABASE ${name} TO ${rows.map((row) => row.rolname).join(', ')}`);
  });
  const as = (role: string): string => urlFor(server.adminUrl, role, server.rolePassword, name);
  const of = (other: DatabaseService): { ownerUrl: string; url: string } => ({ ownerUrl: as(ownerRole(other)), url: as(loginRole(other)) });
  return {
    name,
    adminUrl: urlFor(server.adminUrl, 'postgres', server.rolePassword, name),
    ...of(service),
    verifyUrl: as(verifyRole),
    of,
    waiting: () => waitingOn(server.adminUrl, name),
    drop: () => withClient(server.adminUrl, async (client) => void (await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))),
  };
}

/** Asked by a connection of its own: within a transaction, the list of connections stays as it was when first read. */
async function waitingOn(url: string, database: string): Promise<number[]> {
  return withClient(url, async (client) => {
    for (const until = performance.now() + 60_000; performance.now() < until; await pause(5)) {
      const { rows } = await client.query<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'`, [database]);
      if (rows.length > 0) return rows.map(({ pid }) => pid);
    }
    throw new Error(`no connection of ${database} waited for a lock in a minute`);
  });
}
