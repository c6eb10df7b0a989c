import type { Home } from './home.js';
import type { Launch, Running } from './launch.js';
import { LocalError } from './local.errors.js';
import { databaseRoles, databaseServices, ensureRoles, ensureSchemas, loginRole, ownerRole, urlFor, verifyRole, withClient } from './postgres-roles.js';
import type { DatabaseService } from './postgres-roles.js';
import type { Ports } from './ports.js';
import { startPostgres } from './postgres.js';
import type { Secrets } from './secrets.js';

export interface LocalDatabase {
  /** Superuser (embedded) or the given role. */
  adminUrl: string;
  /** For migrations. */
  ownerUrl(service: DatabaseService): string;
  /** What the service runs with. */
  serviceUrl(service: DatabaseService): string;
  verifyUrl: string;
  /** Absent when the server was given by URL. */
  running?: Running;
}

const databaseName = 'mizan';

/**
 * The deployment's database, ready for migrations: embedded under `.mizan/pg`, or the one that `MIZAN_DATABASE_URL` names
 * (its role must be allowed to create roles and schemas). Errors: `LocalError`.
 */
export async function localDatabase(parts: { home: Home; secrets: Secrets; ports: Ports; launch: Launch; env?: NodeJS.ProcessEnv }): Promise<LocalDatabase> {
  const { home, secrets, ports, launch, env = process.env } = parts;
  const given = env['MIZAN_DATABASE_URL'];
  if (given !== undefined && given !== '') return { ...(await prepare(given, secrets)) };
  const server = await startPostgres({
    directory: home.directory('pg'),
    port: await ports.take('postgres'),
    password: secrets.get('postgres'),
    launch,
  });
  await withClient(server.url(), async (client) => {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [databaseName]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${databaseName}`);
  });
  return { ...(await prepare(server.url(databaseName), secrets)), running: server.running };
}

async function prepare(adminUrl: string, secrets: Secrets): Promise<Omit<LocalDatabase, 'running'>> {
  const password = (role: string): string => secrets.get(`database:${role}`);
  for (const role of databaseRoles) password(role);
  try {
    await withClient(adminUrl, async (client) => {
      await ensureRoles(client, password);
      await ensureSchemas(client, databaseServices);
    });
  } catch (error) {
    throw new LocalError(`cannot prepare the database at ${new URL(adminUrl).host}: ${(error as Error).message}`, { cause: error });
  }
  const as = (role: string): string => urlFor(adminUrl, role, password(role));
  return { adminUrl, ownerUrl: (service) => as(ownerRole(service)), serviceUrl: (service) => as(loginRole(service)), verifyUrl: as(verifyRole) };
}
