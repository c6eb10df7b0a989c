import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { isDomainError } from '#kernel';
import { unpackBundle } from '#merkle';
import { nanos, openRecordBody, parseEnvelope } from '#protocol';
import type { RecordEnd, SealedBody } from '#protocol';
import { withTenant } from '#service';
import { SealingKeyStore } from '../organisations/sealing-keys.store.js';
import { LogStore } from './log.store.js';
import { unpackBody } from './packed-bodies.js';

/** Opening a body is about 0.2 ms: a page keeps the loop for 100 ms, and is 90 KiB. */
const endsPerPage = 500;
/** Pieces of bundles read for a page: at most 256 entries each, often one. */
const piecesPerPage = 64;

interface Candidate {
  readonly index: number;
  readonly id: string;
  readonly first: number;
}

/** Ends of requests, for those who keep the books: which there are, and what each says was charged. The rest stays sealed. */
@Injectable()
export class RecordEnds {
  private readonly logger = new Logger(RecordEnds.name);

  constructor(
    private readonly dataSource: DataSource,
    private readonly log: LogStore,
    private readonly sealingKeys: SealingKeyStore,
  ) {}

  /** In the order of the log. Of two ends of a record only the first one counts. */
  from(from: number): Promise<{ ends: RecordEnd[]; next: number; size: number }> {
    return withTenant(this.dataSource, '*', async (manager) => {
      const { size } = await this.log.head(manager);
      const { found, next } = await this.read(manager, from, size);
      const rows = await manager.query<{ index: string; id: string; type: RecordEnd['type']; tenant: string }[]>(
        `SELECT DISTINCT ON (id) index, id, type, tenant FROM governance.log_entries WHERE id = ANY($1::uuid[]) AND type IN ('completed', 'voided') AND tenant IS NOT NULL ORDER BY id, index`,
        [found.map(({ id }) => id)],
      );
      const firstEnds = new Map(rows.map((row) => [Number(row.index), row]));
      const kept = found.flatMap(({ index, first }) => (firstEnds.has(index) ? [{ ...firstEnds.get(index)!, index, first }] : []));
      const keys = await this.keysOf(manager, kept);
      const bodyAt = await this.bodies(manager, kept.map(({ first }) => first));
      return { ends: kept.map(({ index, id, type, tenant, first }) => ({ index, record: id, type, tenant, ...chargeOf(id, type, bodyAt(first, index), keys) })), next, size };
    });
  }

  /** Those of the given records that have an end. */
  async among(records: readonly string[]): Promise<string[]> {
    return withTenant(this.dataSource, '*', async (manager) =>
      (await manager.query<{ id: string }[]>(`SELECT DISTINCT id FROM governance.log_entries WHERE id = ANY($1::uuid[]) AND type IN ('completed', 'voided')`, [records])).map(({ id }) => id),
    );
  }

  /** Entries from `from` on that are ends by their envelopes, and where to go on. */
  private async read(manager: EntityManager, from: number, size: number): Promise<{ found: Candidate[]; next: number }> {
    const pieces = await manager.query<{ first: string; entries: Buffer }[]>(
      `SELECT first, entries FROM governance.log_bundles WHERE first < $2 AND first >= COALESCE((SELECT max(first) FROM governance.log_bundles WHERE first <= $1), 0) ORDER BY first LIMIT $3`,
      [from, size, piecesPerPage],
    );
    const found: Candidate[] = [];
    let next = from;
    for (const piece of pieces) {
      const first = Number(piece.first);
      for (const [at, bytes] of unpackBundle(piece.entries).entries()) {
        if (first + at < next) continue;
        if (found.length === endsPerPage) return { found, next };
        const { id, type } = parseEnvelope(bytes);
        if (type === 'completed' || type === 'voided') found.push({ index: first + at, id, first });
        next = first + at + 1;
      }
    }
    return { found, next };
  }

  private async bodies(manager: EntityManager, firsts: readonly number[]): Promise<(first: number, index: number) => SealedBody | null> {
    const packs = await manager.query<{ first: string; seal_key_id: string; wrapped_key: Buffer; positions: Buffer; bodies: Buffer }[]>(
      'SELECT first, seal_key_id, wrapped_key, positions, bodies FROM governance.log_bodies WHERE first = ANY($1::bigint[]) AND seal_key_id IS NOT NULL',
      [[...new Set(firsts)]],
    );
    const rows = packs.map((row) => ({ first: Number(row.first), sealKeyId: row.seal_key_id, wrappedKey: row.wrapped_key, positions: row.positions, bodies: row.bodies }));
    return (first, index) => {
      for (const pack of rows.filter((row) => row.first === first)) {
        const body = unpackBody(pack, index)?.body;
        if (body) return body;
      }
      return null;
    };
  }

  private async keysOf(manager: EntityManager, rows: readonly { tenant: string }[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const keys = new Map<string, Uint8Array>();
    for (const tenant of new Set(rows.map((row) => row.tenant))) for (const [id, key] of await this.keysOfTenant(manager, tenant)) keys.set(id, key);
    return keys;
  }

  /** An organisation that has taken its KMS away, or whose KMS is down, must not keep everybody's books from being closed: its amounts are not compared. */
  private async keysOfTenant(manager: EntityManager, tenant: string): Promise<ReadonlyMap<string, Uint8Array>> {
    try {
      return await this.sealingKeys.privateKeys(manager, tenant);
    } catch (error) {
      if (!isDomainError(error, 'KMS_UNAVAILABLE') && !isDomainError(error, 'KMS_REFUSED')) throw error;
      this.logger.warn({ message: `amounts of an organisation's records are not compared: ${error.message}`, tenant });
      return new Map();
    }
  }
}

/** What the sealed body says; null where it or its key is erased or withheld. A body that was changed must not keep the books from being closed. */
function chargeOf(id: string, type: RecordEnd['type'], body: SealedBody | null, keys: ReadonlyMap<string, Uint8Array>): Pick<RecordEnd, 'chargeNanos' | 'unreadable'> {
  const key = body && keys.get(body.sealKeyId);
  if (!body || !key) return { chargeNanos: null, unreadable: false };
  try {
    return { chargeNanos: nanos.parse(openRecordBody(id, type, body, key).fields['chargeNanos']), unreadable: false };
  } catch {
    return { chargeNanos: null, unreadable: true };
  }
}
