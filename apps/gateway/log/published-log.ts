import { Clock } from '#kernel';
import { Caller } from '#messaging';
import { Malformed, parseTilePath, type TileId } from '#merkle';
import { failure, governanceCalls, type ReplyOf } from '#protocol';
import { TileCache } from './tile-cache.js';

/** How old a checkpoint may be that is given to the next reader. */
const briefMs = 1_000;

/** The audit log as anybody may read it, from governance, with what never changes kept here. */
export class PublishedLog {
  private readonly tiles = new TileCache();
  private readonly checkpointRead = new Brief<string>();
  private readonly keysRead = new Brief<ReplyOf<typeof governanceCalls.logKeys>>();

  constructor(
    private readonly caller: Pick<Caller, 'call'>,
    private readonly clock: Clock,
  ) {}

  /** The signed note. Error: SERVICE_UNAVAILABLE. */
  checkpoint(): Promise<string> {
    return this.checkpointRead.get(this.clock.monotonicMs(), () => this.caller.call(governanceCalls.published, {}).then((reply) => reply.note));
  }

  /** The keys that the log had. Error: SERVICE_UNAVAILABLE. */
  keys(): Promise<ReplyOf<typeof governanceCalls.logKeys>> {
    return this.keysRead.get(this.clock.monotonicMs(), () => this.caller.call(governanceCalls.logKeys, {}));
  }

  /** The bytes under a path as `tile/0/000`. Errors: NOT_FOUND (also for what is no path of a tile), SERVICE_UNAVAILABLE. */
  tile(path: string): Promise<Buffer> {
    const tile = tileAt(path);
    return this.tiles.get(path, () => (tile.level === 'entries' ? this.bundle(tile) : this.hashes({ ...tile, level: tile.level })));
  }

  private async hashes(tile: { level: number; index: number; width: number }): Promise<Buffer> {
    return Buffer.from((await this.caller.call(governanceCalls.tile, tile)).hashes, 'base64');
  }

  private async bundle({ index, width }: TileId): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let from: number | null = 0; from !== null; ) {
      const part: { bundle: string; next: number | null } = await this.caller.call(governanceCalls.entryBundle, { index, width, from });
      parts.push(Buffer.from(part.bundle, 'base64'));
      from = part.next;
    }
    return Buffer.concat(parts);
  }
}

function tileAt(path: string): TileId {
  try {
    return parseTilePath(path);
  } catch (error) {
    if (error instanceof Malformed) throw failure('NOT_FOUND', 'there is no such tile');
    throw error;
  }
}

/** One answer for all who ask within a second. */
class Brief<T> {
  private last: { readonly answer: Promise<T>; readonly untilMs: number } | undefined;

  get(nowMs: number, ask: () => Promise<T>): Promise<T> {
    if (this.last === undefined || this.last.untilMs <= nowMs) {
      const read = { answer: ask(), untilMs: nowMs + briefMs };
      this.last = read;
      // A failure is of those who asked while it lasted, not of the next.
      read.answer.catch(() => {
        if (this.last === read) this.last = undefined;
      });
    }
    return this.last.answer;
  }
}
