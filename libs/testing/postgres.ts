import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { databaseRoles, databaseServices, ensureRoles, ensureSchemas, freePort, isRunning, startPostgres, withClient, withFileLock } from '#local';
import type { Launch, PostgresServer, ProcessIdentity } from '#local';
import { launchKept } from './kept.js';
import { ownDirectory, testHome } from './place.js';

export interface TestPostgres {
  /** Superuser's URL of the database `postgres`. */
  adminUrl: string;
  /** Password of every role of the deployment. */
  rolePassword: string;
}

/** Every test database is a copy of this one: roles and schemas are there, tables are not. */
export const templateDatabase = 'mizan_template';

/** A second run within this time finds the server warm. */
const graceMs = 20_000;

/**
 * The PostgreSQL that all test processes of this checkout share: started by the first that asks, ended soon after the
 * last one has. No fsync. Error: `LocalError`.
 */
export async function testPostgres(): Promise<TestPostgres> {
  const home = testHome();
  return withFileLock(home.path('pg.lock'), async () => {
    home.directory('pg-users');
    // Before the look, so that a server about to end sees its new user.
    home.writeJson(process.pid, 'pg-users', String(process.pid));
    const known = home.readJson<TestPostgres & { identity: ProcessIdentity }>('pg.json');
    if (known !== undefined && isRunning(known.identity) && (await isAlive(known.adminUrl))) return known;
    const launch = launchKept(home.path('log'), { usersDirectory: home.path('pg-users'), graceMs });
    const password = randomBytes(16).toString('hex');
    const directory = home.path('pg');
    rmSync(directory, { recursive: true, force: true });
    const server = await startPostgres({ directory, port: await freePort(), password, launch, volatile: true });
    await prepare(server, password);
    const made = { adminUrl: server.url(), rolePassword: password, identity: server.running.identity };
    home.writeJson(made, 'pg.json');
    return made;
  });
}

export interface OwnPostgres extends TestPostgres {
  stop(): Promise<void>;
  /** SIGKILL, as in a crash. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with the data it had. */
  restart(): Promise<void>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

/** A server of this test's own, for tests that take the database away; `durable` = with fsync, for measuring. `databaseOn(server, …)` makes databases on it. */
export async function ownPostgres(options: { durable?: boolean } = {}): Promise<OwnPostgres> {
  const directory = join(ownDirectory('own'), 'pg');
  const password = randomBytes(16).toString('hex');
  const port = await freePort();
  const launch: Launch = launchKept(join(dirname(directory), 'log'));
  const start = (): Promise<PostgresServer> => startPostgres({ directory, port, password, launch, volatile: options.durable !== true });
  let server = await start();
  await prepare(server, password);
  return {
    adminUrl: server.url(),
    rolePassword: password,
    stop: () => server.running.stop(),
    kill: () => server.running.kill(),
    restart: async () => {
      server = await start();
    },
    remove: async () => {
      await server.running.kill();
      rmSync(dirname(directory), { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function prepare(server: PostgresServer, password: string): Promise<void> {
  await withClient(server.url(), async (client) => {
    await ensureRoles(client, () => password);
    await client.query(`CREATE DATABASE ${templateDatabase}`);
  });
  await withClient(server.url(templateDatabase), (client) => ensureSchemas(client, databaseServices));
}

/** Names of all roles, for tests that look at them. */
export const testRoles = databaseRoles;

async function isAlive(url: string): Promise<boolean> {
  return withClient(url, async (client) => (await client.query('SELECT 1')).rowCount === 1).catch(() => false);
}
