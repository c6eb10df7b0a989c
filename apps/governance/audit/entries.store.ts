import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { RecordType, SealedBody } from '#protocol';

/** A row of the log as it is read back. */
export interface StoredEntry {
  readonly index: number;
  readonly id: string;
  readonly type: RecordType;
  readonly timeMs: number;
  readonly tenant: string | null;
  readonly envelope: Buffer;
  readonly body: SealedBody | null;
  readonly fields: Record<string, unknown> | null;
}

interface EntryRow {
  index: string;
  id: string;
  type: RecordType;
  time_ms: string;
  tenant: string | null;
  envelope: Buffer;
  seal_key_id: string | null;
  wrapped_key: Buffer;
  nonce: Buffer;
  ciphertext: Buffer;
  fields: Record<string, unknown> | null;
}

/** Reads entries with their bodies; row-level security decides which. */
@Injectable()
export class EntryStore {
  /** All entries of one record, in the order of the log. */
  async ofRecord(manager: EntityManager, id: string): Promise<StoredEntry[]> {
    const rows = await manager.query<EntryRow[]>(
      `SELECT e.index, e.id, e.type, e.time_ms, e.tenant, e.envelope, b.seal_key_id, b.wrapped_key, b.nonce, b.ciphertext, b.fields
       FROM governance.log_entries e LEFT JOIN governance.log_bodies b USING (index) WHERE e.id = $1 ORDER BY e.index`,
      [id],
    );
    return rows.map(fromRow);
  }

  /** Record ids of a tenant's next anchors after an entry, in the order of the log. */
  async anchorsAfter(manager: EntityManager, tenant: string, index: number, limit: number): Promise<string[]> {
    const rows = await manager.query<{ id: string }[]>("SELECT id FROM governance.log_entries WHERE tenant = $1 AND type = 'epoch.settled' AND index > $2 ORDER BY index LIMIT $3", [tenant, index, limit]);
    return rows.map(({ id }) => id);
  }

  /** Newest first, before the entry `before`; without bodies. */
  async page(manager: EntityManager, filter: { tenant: string | null; type?: RecordType | undefined; before?: number | undefined; limit: number }): Promise<StoredEntry[]> {
    const rows = await manager.query<EntryRow[]>(
      `SELECT index, id, type, time_ms, tenant, envelope FROM governance.log_entries
       WHERE ($1::uuid IS NULL OR tenant = $1::uuid) AND ($2::text IS NULL OR type = $2::text) AND ($3::bigint IS NULL OR index < $3::bigint)
       ORDER BY index DESC LIMIT $4`,
      [filter.tenant, filter.type ?? null, filter.before ?? null, filter.limit],
    );
    return rows.map(fromRow);
  }
}

function fromRow(row: EntryRow): StoredEntry {
  const sealed = row.seal_key_id && {
    sealKeyId: row.seal_key_id,
    wrappedKey: row.wrapped_key.toString('base64'),
    nonce: row.nonce.toString('base64'),
    ciphertext: row.ciphertext.toString('base64'),
  };
  return { index: Number(row.index), id: row.id, type: row.type, timeMs: Number(row.time_ms), tenant: row.tenant, envelope: row.envelope, body: sealed || null, fields: row.fields ?? null };
}
