import type { Client, QueryResult } from 'pg';
import type { EntityManager } from 'typeorm';
import { assert } from '#kernel';

/** Runs a statement that the server prepares once per connection, within the manager's transaction. */
export async function runNamed<Row extends object>(manager: EntityManager, name: string, text: string, values: unknown[]): Promise<Row[]> {
  assert(manager.queryRunner?.isTransactionActive, `${name} runs in a transaction`);
  const client = (await manager.queryRunner.connect()) as Client;
  const result: QueryResult<Row> = await client.query<Row>({ name, text, values });
  return result.rows;
}
