import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { isTileOf, tilePath, tileWidth, toBase64, type TileId } from '#merkle';
import { assert } from '#kernel';
import { failure, type governanceCalls, type ReplyOf, type RequestOf } from '#protocol';
import { withTenant } from '#service';
import { bundlePart } from './bundle-part.js';
import { LogStore } from './log.store.js';
import { TileStore } from './tiles.store.js';

type Calls = typeof governanceCalls;

/** The log as C2SP tlog-tiles: hashes, and the public envelopes that they are of. What was served once is served the same for ever. */
@Injectable()
export class Tiles {
  constructor(
    private readonly dataSource: DataSource,
    private readonly log: LogStore,
    private readonly store: TileStore,
  ) {}

  /** One tile of hashes. Errors: `NOT_FOUND` beyond the log, `DATABASE_UNAVAILABLE`. */
  async hashes(tile: RequestOf<Calls['tile']>): Promise<ReplyOf<Calls['tile']>> {
    const [hashes] = await this.within(tile, async (manager) => [...(await this.store.tiles(manager, [tile])).values()]);
    return { hashes: toBase64(hashes!) };
  }

  /** A bundle of envelopes, in parts. Errors: `NOT_FOUND` beyond the log, `DATABASE_UNAVAILABLE`. */
  async bundle({ index, width, from }: RequestOf<Calls['entryBundle']>): Promise<ReplyOf<Calls['entryBundle']>> {
    if (from >= width) throw failure('REQUEST_INVALID', `the bundle has ${width} entries`);
    const first = index * tileWidth;
    const envelopes = await this.within({ level: 'entries', index, width }, (manager) => this.store.envelopes(manager, first + from, first + width));
    assert(envelopes.length === width - from, `the log has the ${width} entries of ${tilePath('entries', index, width)}`);
    const { bundle, next } = bundlePart(envelopes, from);
    return { bundle: toBase64(bundle), next };
  }

  private within<T>(tile: TileId, read: (manager: EntityManager) => Promise<T>): Promise<T> {
    return withTenant(this.dataSource, '*', async (manager) => {
      const { size } = await this.log.head(manager);
      if (!isTileOf(tile, size)) throw failure('NOT_FOUND', 'the log has no such tile (yet)');
      return read(manager);
    });
  }
}
