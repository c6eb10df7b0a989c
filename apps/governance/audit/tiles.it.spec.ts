import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { DataSource, EntityManager } from 'typeorm';
import {
  fromBase64, hashesFromTiles, inclusionProof, inclusionSubtrees, leafHash, partialWidths, RightEdge, rootOf, sha256, tilePath, tilesOfSubtrees, tileWidth, toHex,
  unpackBundle, verifyInclusion, type TileId,
} from '#merkle';
import { generateSealKeys, operatorRecord, Sealer, sealRecord, type LogRecord } from '#protocol';
import { createDataSource, migrate, preparedAlone, withTenant } from '#service';
import { createTestDatabase, type TestDatabase } from '#testing';
import { governance } from '../governance.service-definition.js';
import { newPseudonym } from '../organisations/organisation.js';
import { CommittedTiles } from './committed-tiles.service.js';
import { LogStore } from './log.store.js';
import { sequencerOn } from './sequencer-harness.js';
import { Tiles } from './tiles.service.js';
import { TileStore } from './tiles.store.js';

const size = 65_536 + 300;
const tenant = { tenant: randomUUID(), pseudonym: newPseudonym() };
const sealer = new Sealer(generateSealKeys().publicKey, randomUUID());
const store = new LogStore();
let database: TestDatabase;
let dataSource: DataSource;
let tiles: Tiles;
let sealed: LogRecord;

/** What a reader without any of the service's code would fetch. */
async function fetchTile({ level, index, width }: TileId): Promise<Uint8Array> {
  if (level !== 'entries') return fromBase64((await tiles.hashes({ level, index, width })).hashes);
  return fromBase64((await tiles.bundle({ index, width, from: 0 })).bundle);
}

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await createTestDatabase({ service: 'governance' });
  await migrate(governance, database.ownerUrl);
  dataSource = await createDataSource(database.url, 'governance').initialize();
  await withTenant(dataSource, '*', (manager) =>
    manager.query('INSERT INTO governance.organisations (tenant, name, pseudonym, created_at_ms) VALUES ($1, $2, $3, 0)', [tenant.tenant, 'Bank', tenant.pseudonym]),
  );
  const sequencer = sequencerOn(dataSource);
  sealed = sealRecord({ id: randomUUID(), type: 'admitted', timeMs: 0, fields: { model: 'm', note: 'for the bank alone' }, facts: null }, tenant, sealer);
  await sequencer.append([sealed]);
  const draft = (): LogRecord => operatorRecord({ id: randomUUID(), type: 'price.set', timeMs: 0, fields: {}, facts: null });
  for (let left = size - 1; left > 0; left -= 8_192) await sequencer.append(Array.from({ length: Math.min(left, 8_192) }, draft));
  tiles = new Tiles(dataSource, store, new TileStore());
});

afterAll(async () => {
  await dataSource?.destroy();
  await database?.drop();
});

describe('the tiles of the log', () => {
  it('give the root of the head, and are themselves given by the bundles', async () => {
    const head = await withTenant(dataSource, '*', (manager) => store.head(manager));
    const edge = RightEdge.empty(sha256);
    const widths = partialWidths(size);
    const ids = (level: number): TileId[] => {
      const full = Math.floor(size / tileWidth ** (level + 1));
      return [...Array.from({ length: full }, (_, index) => ({ level, index, width: tileWidth })), ...(widths[level]! > 0 ? [{ level, index: full, width: widths[level]! }] : [])];
    };
    const below = new Map<string, Uint8Array>();
    for (const level of widths.keys()) {
      for (const tile of ids(level)) {
        const bytes = await fetchTile(tile);
        const hashes = Array.from({ length: tile.width }, (_, at) => bytes.slice(at * 32, at * 32 + 32));
        below.set(tilePath(level, tile.index), rootOf(sha256, hashes));
        if (level > 0) hashes.forEach((hash, at) => expect(toHex(hash)).toBe(toHex(below.get(tilePath(level - 1, tile.index * tileWidth + at))!)));
        if (level > 0) continue;
        const entries = unpackBundle(await fetchTile({ ...tile, level: 'entries' }));
        expect(entries).toHaveLength(tile.width);
        entries.forEach((entry, at) => {
          const leaf = leafHash(sha256, entry);
          if (toHex(leaf) !== toHex(hashes[at]!)) throw new Error(`entry ${tile.index * tileWidth + at} does not give its leaf hash`);
          edge.append(leaf);
        });
      }
    }
    expect([edge.size, toHex(edge.root())]).toEqual([size, toHex(head.root)]);
    const asked = tilesOfSubtrees(RightEdge.subtreesAt(size), size);
    const found = new Map(await Promise.all(asked.map(async (tile) => [tilePath(tile.level, tile.index, tile.width), await fetchTile(tile)] as const)));
    expect(toHex(RightEdge.restore(sha256, size, hashesFromTiles(sha256, size, (tile) => found.get(tilePath(tile.level, tile.index, tile.width))!)).root())).toBe(toHex(head.root));
  });

  it('prove every entry at every size that was committed, from what was kept as from what is read', async () => {
    const read: number[] = [];
    const reading = new (class extends TileStore {
      override tiles(on: EntityManager | DataSource, asked: Parameters<TileStore['tiles']>[1]): ReturnType<TileStore['tiles']> {
        read.push(asked.length);
        return super.tiles(on, asked);
      }
    })();
    const committed = new CommittedTiles(dataSource, reading);
    const bottom = await Promise.all(Array.from({ length: Math.ceil(size / tileWidth) }, (_, index) => fetchTile({ level: 0, index, width: Math.min(tileWidth, size - index * tileWidth) })));
    const leaves = bottom.flatMap((tile) => Array.from({ length: tile.length / 32 }, (_, at) => tile.slice(at * 32, at * 32 + 32)));
    for (const at of [size, 65_536, size - 1, 300, size]) {
      const root = rootOf(sha256, leaves.slice(0, at));
      expect(toHex(await committed.rootAt(at))).toBe(toHex(root));
      for (const index of [0, 255, Math.floor(at / 2), at - 1].filter((one) => one < at)) {
        const proof = inclusionProof(sha256, index, at, await committed.hashes(inclusionSubtrees(index, at), at));
        expect(verifyInclusion(sha256, { index, size: at, leafHash: leaves[index]!, root, proof })).toBe(true);
      }
    }
    const before = read.length;
    await committed.rootAt(size);
    expect(read).toHaveLength(before);
    await committed.hashes(inclusionSubtrees(70 * tileWidth, size), size);
    expect(read.slice(before)).toEqual([1]);
  });

  it('are read by more at once than there are connections, and none is lost to a question that fails', async () => {
    const beyond = Array.from({ length: 30 }, () => new CommittedTiles(dataSource, new TileStore()).rootAt(size + tileWidth));
    for (const { status } of await Promise.allSettled(beyond)) expect(status).toBe('rejected');
    const roots = await Promise.all(Array.from({ length: 30 }, () => new CommittedTiles(dataSource, new TileStore()).rootAt(size)));
    expect(new Set(roots.map(toHex)).size).toBe(1);
    await expect(preparedAlone(dataSource, { name: 'divided', text: 'SELECT 1 / $1::int' }, [0])).rejects.toMatchObject({ code: '22012' });
    const gone = await createDataSource(database.url, 'governance').initialize();
    const lost = withTenant(gone, '*', (manager) => manager.query('SELECT pg_terminate_backend(pg_backend_pid())'));
    await expect(lost).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await expect(preparedAlone(gone, { name: 'itself', text: 'SELECT pg_terminate_backend(pg_backend_pid())' }, [])).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
    await expect(new CommittedTiles(gone, new TileStore()).rootAt(size)).resolves.toHaveLength(32);
    await gone.destroy();
  });

  it('serve a narrower tile of the same place, its beginning', async () => {
    const whole = await fetchTile({ level: 0, index: 256, width: 256 });
    expect(toHex(await fetchTile({ level: 0, index: 256, width: 44 }))).toBe(toHex(whole.slice(0, 44 * 32)));
  });

  it('end with the log', async () => {
    for (const tile of [{ level: 0, index: 257, width: 45 }, { level: 0, index: 258, width: 1 }, { level: 1, index: 1, width: 2 }, { level: 2, index: 0, width: 2 }, { level: 3, index: 0, width: 1 }]) {
      await expect(tiles.hashes(tile)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    await expect(tiles.bundle({ index: 257, width: 45, from: 0 })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(tiles.bundle({ index: 257, width: 44, from: 44 })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('hold the public envelope of a sealed record and nothing of its body', async () => {
    const [entry] = unpackBundle(await fetchTile({ level: 'entries', index: 0, width: 1 }));
    expect(Buffer.from(entry!).toString('base64')).toBe(sealed.envelope);
    expect(Object.keys(JSON.parse(Buffer.from(entry!).toString()) as object).sort()).toEqual(['id', 'root', 'schema', 'tenant', 'time', 'type', 'v']);
  });
});
