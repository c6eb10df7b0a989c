import { randomFillSync } from 'node:crypto';

const secretBytes = 32;

/** Random secrets, 128 drawn at a time: one call of the generator costs as much for 4 KiB as for 32 bytes. */
export class SecretPool {
  private readonly pool = Buffer.alloc(128 * secretBytes);
  private used = this.pool.length;

  /** 32 fresh bytes, of which the pool keeps nothing. */
  next(): Buffer {
    if (this.used === this.pool.length) {
      randomFillSync(this.pool);
      this.used = 0;
    }
    const end = this.used + secretBytes;
    const secret = Buffer.from(this.pool.subarray(this.used, end));
    this.pool.fill(0, this.used, end);
    this.used = end;
    return secret;
  }
}
