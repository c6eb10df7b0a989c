import { createCipheriv, createDecipheriv } from 'node:crypto';
import { wireVersion } from './version.js';

/** Which way a message goes: towards the node, or from it. Each has a key of its own. */
export type Direction = 'down' | 'up';

/** version (1 B) ‖ counter (8 B) in clear, then ciphertext ‖ tag (16 B). */
const prefixBytes = 9;
const tagBytes = 16;
/** Messages under one key; far below GCM's bounds (2³²), and a new session costs one round trip. */
export const messagesMax = 2 ** 24;

function nonceOf(counter: number): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(counter), 4);
  return nonce;
}

const boundTo = (session: string, direction: Direction): Buffer => Buffer.from(`mizan-wire|${session}|${direction}|`);

/** Seals one direction of a session: AES-256-GCM with counter nonces, bound to session, direction, counter and version. */
export class SealingEnd {
  private readonly bound: Buffer;
  private counter = 0;

  constructor(
    private readonly key: Buffer,
    session: string,
    direction: Direction,
  ) {
    this.bound = boundTo(session, direction);
  }

  get worn(): boolean {
    return this.counter >= messagesMax;
  }

  seal(plaintext: Uint8Array): Buffer {
    const prefix = Buffer.alloc(prefixBytes);
    prefix[0] = wireVersion;
    prefix.writeBigUInt64BE(BigInt(this.counter), 1);
    const cipher = createCipheriv('aes-256-gcm', this.key, nonceOf(this.counter));
    this.counter += 1;
    cipher.setAAD(Buffer.concat([this.bound, prefix]));
    return Buffer.concat([prefix, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }
}

/**
 * `dropped`: not from the peer (or a repetition), the session goes on; anybody who can publish could send it.
 * `gap`: from the peer, but something before it is missing; the session is over.
 */
export type Opened = { kind: 'frame'; plaintext: Buffer } | { kind: 'dropped'; why: 'version' | 'short' | 'repeated' | 'tampered' } | { kind: 'gap'; missing: number };

/** Opens one direction of a session, each message once and in order. */
export class OpeningEnd {
  private readonly bound: Buffer;
  private next = 0;

  constructor(
    private readonly key: Buffer,
    session: string,
    direction: Direction,
  ) {
    this.bound = boundTo(session, direction);
  }

  open(message: Buffer): Opened {
    if (message.length < prefixBytes + tagBytes) return { kind: 'dropped', why: 'short' };
    if (message[0] !== wireVersion) return { kind: 'dropped', why: 'version' };
    const counter = Number(message.readBigUInt64BE(1));
    if (counter < this.next) return { kind: 'dropped', why: 'repeated' };
    const plaintext = counter > messagesMax * 2 ? undefined : this.decrypt(message, counter);
    if (plaintext === undefined) return { kind: 'dropped', why: 'tampered' };
    if (counter > this.next) return { kind: 'gap', missing: counter - this.next };
    this.next += 1;
    return { kind: 'frame', plaintext };
  }

  private decrypt(message: Buffer, counter: number): Buffer | undefined {
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.key, nonceOf(counter));
      decipher.setAAD(Buffer.concat([this.bound, message.subarray(0, prefixBytes)]));
      decipher.setAuthTag(message.subarray(-tagBytes));
      const plaintext = decipher.update(message.subarray(prefixBytes, -tagBytes));
      // Checks the tag; in counter mode nothing is left to come.
      decipher.final();
      return plaintext;
    } catch {
      return undefined;
    }
  }
}
