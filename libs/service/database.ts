import { DataSource } from 'typeorm';
import type { EntityManager, QueryRunner } from 'typeorm';
import { assert } from '#kernel';
import { failure } from '#protocol';
import type { ServiceDefinition } from './define-service.js';

/** Connections per process: enough for a batch writer, a relay and a handful of calls on two cores. */
const poolMax = 8;

export function createDataSource(url: string, service: string): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    schema: service,
    applicationName: `mizan-${service}`,
    poolSize: poolMax,
    connectTimeoutMS: 5_000,
    entities: [],
    migrations: [],
    extra: { statement_timeout: 30_000, idle_in_transaction_session_timeout: 60_000 },
  });
}

/** Runs a service's migrations with its owner role. The login role never changes tables. */
export async function migrate(definition: Pick<ServiceDefinition, 'name' | 'migrations'>, ownerDatabaseUrl: string): Promise<string[]> {
  if (definition.migrations.length === 0) return [];
  const dataSource = new DataSource({
    type: 'postgres',
    url: ownerDatabaseUrl,
    schema: definition.name,
    entities: [],
    migrations: [...definition.migrations],
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'each',
  });
  await dataSource.initialize();
  try {
    return (await dataSource.runMigrations()).map((migration) => migration.name);
  } finally {
    await dataSource.destroy();
  }
}

/**
 * A transaction that sees one tenant's rows (`'*'`: a service's own work over all tenants). Everything must go through the
 * given manager: another connection would see nothing.
 */
export async function withTenant<T>(dataSource: DataSource, tenant: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
  try {
    return await dataSource.transaction(async (manager) => {
      await manager.query(`SELECT set_config('app.tenant', $1, true)`, [tenant]);
      return work(manager);
    });
  } catch (error) {
    throw told(error);
  }
}

export interface PreparedStatement {
  readonly name: string;
  readonly text: string;
}

/**
 * A statement that the connection keeps prepared, and that is planned once: for those that run many times a second, where reading and planning them anew takes as
 * long as their work. A name belongs to one text. Rows as the driver gives them; its errors as they are.
 */
export async function prepared<T>(manager: EntityManager, statement: PreparedStatement, values: readonly unknown[]): Promise<T[]> {
  assert(manager.queryRunner !== undefined, 'a prepared statement runs in a transaction');
  return rowsOf(manager.queryRunner, statement, values);
}

/**
 * The same by itself, outside of any transaction: one way to the database and back, where a transaction takes four. For tables without tenants; of others it sees
 * nothing. Not from within a transaction: it waits for a connection of its own.
 */
export async function preparedAlone<T>(dataSource: DataSource, statement: PreparedStatement, values: readonly unknown[]): Promise<T[]> {
  const runner = dataSource.createQueryRunner();
  try {
    return await rowsOf(runner, statement, values);
  } catch (error) {
    // That a connection is gone shows at the next question, and without one it would be given to the next who asks. A transaction asks to be rolled back.
    await runner.query('ROLLBACK').catch(() => undefined);
    throw told(error);
  } finally {
    await runner.release();
  }
}

async function rowsOf<T>(runner: QueryRunner, statement: PreparedStatement, values: readonly unknown[]): Promise<T[]> {
  const client = (await runner.connect()) as { query: (config: object) => Promise<{ rows: T[] }> };
  return (await client.query({ ...statement, values })).rows;
}

/** Error: `DATABASE_UNAVAILABLE`. */
const told = (error: unknown): unknown => (isConnectionLost(error) ? failure('DATABASE_UNAVAILABLE', 'the database cannot be reached; try again shortly', {}, error) : error);

function isConnectionLost(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  const message = error instanceof Error ? error.message : '';
  return (
    (typeof code === 'string' && (/^(08|57P0)/.test(code) || ['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ENOENT'].includes(code))) ||
    /Connection terminated|connection timeout|timeout exceeded when trying to connect|not queryable/i.test(message)
  );
}

/** Which rows a transaction sees and may write. As subqueries the setting is read once for each statement; plain, once or twice for each row. */
export const tenantRows = `(SELECT current_setting('app.tenant', true)) = '*' OR tenant::text = (SELECT current_setting('app.tenant', true))`;

/** Migration SQL: rows belong to a tenant, for the owner too. An unset tenant sees nothing. */
export function tenantPolicy(schema: string, table: string): string {
  return `ALTER TABLE "${schema}"."${table}" ENABLE ROW LEVEL SECURITY;
    ALTER TABLE "${schema}"."${table}" FORCE ROW LEVEL SECURITY;
    CREATE POLICY tenant_rows ON "${schema}"."${table}"
      USING (${tenantRows})
      WITH CHECK (${tenantRows})`;
}
