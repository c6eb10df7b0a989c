import { hash } from 'node:crypto';

const blockBytes = 64;
const digestBytes = 32;
const innerPad = 0x36;
const outerPad = 0x5c;

/**
 * HMAC-SHA256 (RFC 2104) of short texts: the same digests as `createHmac`, at a fraction of its cost, since the one-shot hash makes no
 * objects. A record has some thirty fields, each with two of them.
 */
export class HmacSha256 {
  /** Grows with the longest text; a digest leaves nothing in it that the next one reads. */
  private inner: Buffer = Buffer.allocUnsafe(512);
  private readonly outer = Buffer.allocUnsafe(blockBytes + digestBytes);

  /** `key`: at most 64 bytes. */
  constructor(key: Uint8Array) {
    this.rekey(key);
  }

  /** From here on the digests are under another key. */
  rekey(key: Uint8Array): this {
    if (key.length > blockBytes) throw new RangeError(`an HMAC key of ${key.length} bytes is over a block`);
    const { inner, outer } = this;
    for (let at = 0; at < blockBytes; at += 1) {
      const byte = at < key.length ? key[at]! : 0;
      inner[at] = byte ^ innerPad;
      outer[at] = byte ^ outerPad;
    }
    return this;
  }

  /** Lower-case hex. */
  of(text: string): string {
    this.makeRoom(text.length * 3);
    const bytes = this.inner.write(text, blockBytes);
    this.outer.write(hash('sha256', this.inner.subarray(0, blockBytes + bytes), 'hex'), blockBytes, 'hex');
    return hash('sha256', this.outer, 'hex');
  }

  /** A character of UTF-16 has at most three bytes in UTF-8. */
  private makeRoom(bytes: number): void {
    if (blockBytes + bytes <= this.inner.length) return;
    const grown = Buffer.allocUnsafe(blockBytes + bytes);
    this.inner.copy(grown, 0, 0, blockBytes);
    this.inner = grown;
  }
}
