import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { tileWidth, unpackBundle } from '#merkle';
import { parseEnvelope } from '#protocol';
import type { StoredEntry } from '../audit/entries.store.js';
import { unpackBody } from '../audit/packed-bodies.js';

interface Pack {
  first: string;
  part: number;
  positions: Buffer;
  /** Bytes of all its bodies. */
  size: number;
}

interface Opened extends Pack {
  seal_key_id: string | null;
  wrapped_key: Buffer | null;
  bodies: Buffer;
}

interface Place {
  readonly index: number;
  readonly pack: Pack;
}

/** Bytes of bodies in one page: with envelopes and base64 well below a message of 1 MiB. */
const pageBytesMax = 400_000;

/**
 * The entries of one organisation (null: the deployment's own) in the order of the log, found by the packs that their bodies are in: nothing is stored
 * for it, and what is removed from the search is still here.
 */
@Injectable()
export class TenantStream {
  /** Entries after `after` and below `until`, at least one if there is one, as many as `limit` and a page's bytes allow. */
  async page(manager: EntityManager, tenant: string | null, after: number, until: number, limit: number): Promise<StoredEntry[]> {
    const places: Place[] = [];
    let bytes = 0;
    for (const { pack, index, size } of (await this.packs(manager, tenant, after, until, limit)).flatMap(entriesOf).sort((a, b) => a.index - b.index)) {
      if (index <= after || index >= until) continue;
      if (places.length >= limit || (places.length > 0 && bytes + size > pageBytesMax)) break;
      places.push({ index, pack });
      bytes += size;
    }
    return this.entries(manager, tenant, places);
  }

  /** The last entry at or before an index; null when there is none. */
  async lastUntil(manager: EntityManager, tenant: string | null, index: number): Promise<number | null> {
    const rows = await manager.query<{ first: string; positions: Buffer }[]>(
      `SELECT first, positions FROM governance.log_bodies WHERE ${of(tenant, 2)} AND first <= $1 AND first >= COALESCE(
         (SELECT first FROM governance.log_bodies WHERE ${of(tenant, 2)} AND first <= $1 - ${tileWidth} ORDER BY first DESC LIMIT 1), 0)`,
      [index, ...(tenant === null ? [] : [tenant])],
    );
    return rows.reduce<number | null>((last, { first, positions }) => Math.max(last ?? -1, ...[...positions].map((position) => Number(first) + position).filter((one) => one <= index)), null);
  }

  /** Whole pieces only: of one that is cut by the bound of rows nothing is taken. */
  private async packs(manager: EntityManager, tenant: string | null, after: number, until: number, limit: number): Promise<Pack[]> {
    const rowsMax = limit + 2 * tileWidth;
    const rows = await manager.query<Pack[]>(
      `SELECT first, part, positions, length(bodies) AS size FROM governance.log_bodies WHERE ${of(tenant, 4)} AND first > $1 AND first < $2 ORDER BY first, part LIMIT $3`,
      [after - tileWidth, until, rowsMax, ...(tenant === null ? [] : [tenant])],
    );
    return rows.length < rowsMax ? rows : rows.filter(({ first }) => first !== rows.at(-1)!.first);
  }

  private async entries(manager: EntityManager, tenant: string | null, places: readonly Place[]): Promise<StoredEntry[]> {
    const [firsts, parts] = [places.map(({ pack }) => pack.first), places.map(({ pack }) => pack.part)];
    const packs = await manager.query<Opened[]>(
      `SELECT p.* FROM governance.log_bodies p JOIN (SELECT DISTINCT * FROM unnest($1::bigint[], $2::smallint[]) AS asked (first, part)) a USING (first, part)`,
      [firsts, parts],
    );
    const opened = new Map(packs.map((pack) => [nameOf(pack), pack]));
    const pieces = await manager.query<{ first: string; entries: Buffer }[]>('SELECT first, entries FROM governance.log_bundles WHERE first = ANY($1::bigint[])', [[...new Set(firsts)]]);
    const envelopes = new Map(pieces.map(({ first, entries }) => [first, unpackBundle(entries)]));
    return places.map(({ index, pack }) => {
      const envelope = Buffer.from(envelopes.get(pack.first)![index - Number(pack.first)]!);
      const { id, type } = parseEnvelope(envelope);
      const of = opened.get(nameOf(pack));
      const found = of && unpackBody({ first: Number(of.first), sealKeyId: of.seal_key_id, wrappedKey: of.wrapped_key, positions: of.positions, bodies: of.bodies }, index);
      return { index, id, type, tenant, envelope, body: found?.body ?? null, fields: found?.fields ?? null };
    });
  }
}

const nameOf = ({ first, part }: Pack): string => `${first} ${part}`;
const of = (tenant: string | null, parameter: number): string => (tenant === null ? 'tenant IS NULL' : `tenant = $${parameter}`);

const entriesOf = (pack: Pack): (Place & { size: number })[] =>
  [...pack.positions].map((position) => ({ pack, index: Number(pack.first) + position, size: Math.ceil(pack.size / pack.positions.length) }));
