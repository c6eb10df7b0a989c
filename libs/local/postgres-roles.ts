import pg from 'pg';

/** Services that own a schema. The gateway owns nothing durable. */
export const databaseServices = ['scheduler', 'billing', 'governance', 'settlement'] as const;
export type DatabaseService = (typeof databaseServices)[number];

export const ownerRole = (service: string): string => `mizan_${service}_owner`;
export const loginRole = (service: string): string => `mizan_${service}`;
/** Reads every schema and writes none: `mizan verify`. */
export const verifyRole = 'mizan_verify';

/** Every role of the deployment. */
export const databaseRoles: readonly string[] = [...databaseServices.flatMap((service) => [ownerRole(service), loginRole(service)]), verifyRole];

/** Runs work on a connection of its own. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Makes the cluster's roles, or sets their passwords if they are there. `client` may create roles. */
export async function ensureRoles(client: pg.Client, password: (role: string) => string): Promise<void> {
  const { rows } = await client.query<{ rolname: string }>('SELECT rolname FROM pg_roles WHERE rolname = ANY($1)', [databaseRoles]);
  const known = new Set(rows.map((row) => row.rolname));
  for (const role of databaseRoles) {
    const secret = pg.escapeLiteral(password(role));
    await client.query(`${known.has(role) ? 'ALTER' : 'CREATE'} ROLE ${role} LOGIN PASSWORD ${secret}`);
  }
  // A verifier sees every tenant and changes nothing, whatever it is told to do.
  await client.query(`ALTER ROLE ${verifyRole} SET default_transaction_read_only = on`);
  await client.query(`ALTER ROLE ${verifyRole} SET app.tenant = '*'`);
}

/**
 * Makes one schema per service in the connected database: the owner role migrates it, the login role may only use it
 * (each migration grants what its tables need), the verifier reads it. Idempotent.
 */
export async function ensureSchemas(client: pg.Client, services: readonly string[] = databaseServices): Promise<void> {
  const { rows } = await client.query<{ name: string; superuser: boolean }>(
    'SELECT current_database() AS name, rolsuper AS superuser FROM pg_roles WHERE rolname = current_user',
  );
  const { name, superuser } = rows[0]!;
  const database = pg.escapeIdentifier(name);
  await client.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
  await client.query('REVOKE ALL ON SCHEMA public FROM PUBLIC');
  for (const service of services) {
    const owner = ownerRole(service);
    const login = loginRole(service);
    // Outside a superuser, only a member of a role may give it things.
    if (!superuser) await client.query(`GRANT ${owner} TO CURRENT_USER`);
    await client.query(`GRANT CONNECT ON DATABASE ${database} TO ${owner}, ${login}, ${verifyRole}`);
    await client.query(`CREATE SCHEMA IF NOT EXISTS ${service} AUTHORIZATION ${owner}`);
    await client.query(`GRANT USAGE ON SCHEMA ${service} TO ${login}, ${verifyRole}`);
    await client.query(`ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA ${service} GRANT SELECT ON TABLES TO ${verifyRole}`);
  }
}

/** The URL of the same database for another role. */
export function urlFor(adminUrl: string, role: string, password: string, database?: string): string {
  const url = new URL(adminUrl);
  url.username = role;
  url.password = password;
  if (database !== undefined) url.pathname = `/${database}`;
  return url.toString();
}
