/** Eight thousand full tiles, or some three hundred bundles, beside a gateway's 150 MiB. */
const bytesMax = 64 * 1024 * 1024;
/** What an entry takes beside its bytes. */
const overheadBytes = 256;

/** Tiles never change, so that one that was read once is kept: least recently used out first. Readers that ask at once wait for one reading. */
export class TileCache {
  private readonly kept = new Map<string, Buffer>();
  private readonly reading = new Map<string, Promise<Buffer>>();
  private bytes = 0;

  constructor(private readonly limit: number = bytesMax) {}

  async get(path: string, read: () => Promise<Buffer>): Promise<Buffer> {
    const found = this.kept.get(path);
    if (found !== undefined) {
      this.kept.delete(path);
      this.kept.set(path, found);
      return found;
    }
    const reading = this.reading.get(path) ?? this.read(path, read);
    return reading;
  }

  private read(path: string, read: () => Promise<Buffer>): Promise<Buffer> {
    const reading = read()
      .then((tile) => this.keep(path, tile))
      .finally(() => this.reading.delete(path));
    this.reading.set(path, reading);
    return reading;
  }

  private keep(path: string, tile: Buffer): Buffer {
    this.kept.set(path, tile);
    this.bytes += tile.length + overheadBytes;
    for (const [oldest, { length }] of this.kept) {
      if (this.bytes <= this.limit) break;
      this.kept.delete(oldest);
      this.bytes -= length + overheadBytes;
    }
    return tile;
  }
}
