import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tilePath, unpackBundle, type TileId } from '#merkle';
import { Alarm } from './alarm.js';

const answerMs = 30_000;

/** A log as it is served over HTTP (C2SP tlog-tiles), or as it lies in a directory with the same names. */
export class LogSource {
  /** `prefix`: where `/checkpoint` is appended; without `http:` or `https:` a directory. */
  constructor(private readonly prefix: string) {}

  /** The signed note. Error: unreachable, or it answers with an error. */
  checkpoint(): Promise<string> {
    return this.text('checkpoint');
  }

  /** The keys that the log had, as a file of its own. Error: unreachable, or it answers with an error. */
  keys(): Promise<string> {
    return this.text('keys');
  }

  /** Hashes of a tile. Errors: unreachable; {@link Alarm} `withheld` when the log says that there is no such tile. */
  async tile(tile: TileId): Promise<Uint8Array> {
    const path = tilePath(tile.level, tile.index, tile.width);
    const response = await this.get(path);
    if (response.status === 404 || response.status === 410) throw new Alarm('withheld', `the log does not serve ${path}, which its checkpoint covers`);
    if (!response.ok) throw new Error(`${this.prefix}/${path} answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  }

  /** Entries of a bundle. Errors: as {@link LogSource.tile}; `withheld` also when it does not hold its number of entries. */
  async entries(index: number, width: number): Promise<Uint8Array[]> {
    const bytes = await this.tile({ level: 'entries', index, width });
    let entries: Uint8Array[];
    try {
      entries = unpackBundle(bytes);
    } catch (error) {
      throw new Alarm('withheld', `${tilePath('entries', index, width)}: ${(error as Error).message}`);
    }
    if (entries.length !== width) throw new Alarm('withheld', `${tilePath('entries', index, width)} holds ${entries.length} entries`);
    return entries;
  }

  private async text(name: string): Promise<string> {
    const response = await this.get(name);
    if (!response.ok) throw new Error(`${this.prefix}/${name} answered ${response.status}`);
    return response.text();
  }

  private async get(path: string): Promise<Response> {
    if (!/^https?:/.test(this.prefix)) return this.read(path);
    try {
      return await fetch(`${this.prefix}/${path}`, { signal: AbortSignal.timeout(answerMs) });
    } catch (error) {
      const cause = (error as { cause?: { code?: string; message?: string } }).cause;
      throw new Error(`${this.prefix} cannot be reached: ${cause?.code ?? cause?.message ?? (error as Error).message}`, { cause: error });
    }
  }

  private async read(path: string): Promise<Response> {
    try {
      return new Response(await readFile(join(this.prefix, path)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Response(null, { status: 404 });
      throw error;
    }
  }
}
