import { hash } from 'node:crypto';

const blockBytes = 64;

/** HMAC-SHA256 (RFC 2104) under one key: two hashes at once, for half of what an HMAC object costs on every request. */
export class KeyedHash {
  private readonly inner: Buffer;
  private readonly outer: Buffer;

  constructor(key: string) {
    const bytes = Buffer.from(key);
    const block = Buffer.alloc(blockBytes);
    (bytes.length > blockBytes ? hash('sha256', bytes, 'buffer') : bytes).copy(block);
    this.inner = block.map((byte) => byte ^ 0x36) as Buffer;
    this.outer = block.map((byte) => byte ^ 0x5c) as Buffer;
  }

  of(text: string): Buffer {
    return hash('sha256', Buffer.concat([this.outer, hash('sha256', Buffer.concat([this.inner, Buffer.from(text)]), 'buffer')]), 'buffer');
  }
}
