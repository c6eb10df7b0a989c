import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { nanos, openRecordBody } from '#protocol';
import type { RecordEnd } from '#protocol';
import { withTenant } from '#service';
import { SealingKeyStore } from '../organisations/sealing-keys.store.js';
import { LogStore } from './log.store.js';

/** Opening a body is about 0.2 ms: a page keeps the loop for 100 ms, and is 90 KiB. */
const endsPerPage = 500;

interface EndRow {
  index: string;
  id: string;
  type: RecordEnd['type'];
  tenant: string;
  seal_key_id: string | null;
  wrapped_key: Buffer | null;
  nonce: Buffer | null;
  ciphertext: Buffer | null;
}

/** Ends of requests, for those who keep the books: which there are, and what each says was charged. The rest stays sealed. */
@Injectable()
export class RecordEnds {
  constructor(
    private readonly dataSource: DataSource,
    private readonly log: LogStore,
    private readonly sealingKeys: SealingKeyStore,
  ) {}

  /** In the order of the log. Of two ends of a record only the first one counts. */
  from(from: number): Promise<{ ends: RecordEnd[]; next: number; size: number }> {
    return withTenant(this.dataSource, '*', async (manager) => {
      const { size } = await this.log.head(manager);
      const rows = await manager.query<EndRow[]>(
        `SELECT e.index, e.id, e.type, e.tenant, b.seal_key_id, b.wrapped_key, b.nonce, b.ciphertext
         FROM governance.log_entries e LEFT JOIN governance.log_bodies b USING (index)
         WHERE e.index >= $1 AND e.index < $2 AND e.type IN ('completed', 'voided') AND e.tenant IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM governance.log_entries o WHERE o.id = e.id AND o.type IN ('completed', 'voided') AND o.index < e.index)
         ORDER BY e.index LIMIT $3`,
        [from, size, endsPerPage],
      );
      const keys = await this.keysOf(manager, rows);
      const next = rows.length < endsPerPage ? size : Number(rows.at(-1)!.index) + 1;
      return { ends: rows.map((row) => ({ index: Number(row.index), record: row.id, type: row.type, tenant: row.tenant, ...chargeOf(row, keys) })), next: Math.max(next, from), size };
    });
  }

  /** Those of the given records that have an end. */
  async among(records: readonly string[]): Promise<string[]> {
    return withTenant(this.dataSource, '*', async (manager) =>
      (await manager.query<{ id: string }[]>(`SELECT DISTINCT id FROM governance.log_entries WHERE id = ANY($1::uuid[]) AND type IN ('completed', 'voided')`, [records])).map(({ id }) => id),
    );
  }

  private async keysOf(manager: EntityManager, rows: readonly EndRow[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const keys = new Map<string, Uint8Array>();
    for (const tenant of new Set(rows.map((row) => row.tenant))) for (const [id, key] of await this.sealingKeys.privateKeys(manager, tenant)) keys.set(id, key);
    return keys;
  }
}

/** What the sealed body says; null where it or its key is erased. A body that was changed must not keep the books from being closed. */
function chargeOf({ id, type, seal_key_id: sealKeyId, wrapped_key: wrappedKey, nonce, ciphertext }: EndRow, keys: ReadonlyMap<string, Uint8Array>): Pick<RecordEnd, 'chargeNanos' | 'unreadable'> {
  const key = sealKeyId === null ? undefined : keys.get(sealKeyId);
  if (!key || sealKeyId === null || !wrappedKey || !nonce || !ciphertext) return { chargeNanos: null, unreadable: false };
  try {
    const body = { sealKeyId, wrappedKey: wrappedKey.toString('base64'), nonce: nonce.toString('base64'), ciphertext: ciphertext.toString('base64') };
    return { chargeNanos: nanos.parse(openRecordBody(id, type, body, key).fields['chargeNanos']), unreadable: false };
  } catch {
    return { chargeNanos: null, unreadable: true };
  }
}
