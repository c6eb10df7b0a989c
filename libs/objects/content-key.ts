import { createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { Lru } from '#kernel';
import { x25519PrivateKey, x25519PublicKey, x25519RawPublic } from '#protocol';
import { openUnder, sealUnder } from './sealed-values.js';

const rawBytes = 32;
/** An agreement of keys takes some 50 µs. Wrappers make a new ephemeral key each few minutes, so that few are met at a time. */
const agreedMax = 64;

const agreed = (privateKey: KeyObject, publicKey: KeyObject, ephemeral: Uint8Array, recipient: Uint8Array): Buffer =>
  Buffer.from(hkdfSync('sha256', diffieHellman({ privateKey, publicKey }), Buffer.concat([ephemeral, recipient]), 'mizan-content-key-v1', 32));

/**
 * Wraps data keys to the public half of a content key, which needs nobody's leave: ephemeral public key ‖ nonce ‖ wrapped key ‖ tag (X25519, HKDF-SHA256,
 * AES-256-GCM). One ephemeral key serves for all that one of these wraps, at most 2³².
 */
export class ContentKeyWrapper {
  private readonly ephemeral: Buffer;
  private readonly key: Buffer;

  /** The raw public half. */
  constructor(recipient: Uint8Array) {
    const pair = generateKeyPairSync('x25519');
    this.ephemeral = x25519RawPublic(pair.publicKey);
    this.key = agreed(pair.privateKey, x25519PublicKey(recipient), this.ephemeral, recipient);
  }

  wrap(context: string, key: Uint8Array): Buffer {
    return Buffer.concat([this.ephemeral, sealUnder(this.key, context, key)]);
  }
}

/** Unwraps what was wrapped to a content key. */
export class ContentKeyOpener {
  private readonly privateKey: KeyObject;
  private readonly recipient: Buffer;
  private readonly agreed = new Lru<string, Buffer>(agreedMax);

  /** The raw private half. */
  constructor(raw: Uint8Array) {
    this.privateKey = x25519PrivateKey(raw);
    this.recipient = x25519RawPublic(createPublicKey(this.privateKey));
  }

  /** Throws when it was wrapped to another key or for another context, or changed. */
  unwrap(context: string, wrapped: Uint8Array): Buffer {
    return openUnder(this.keyOf(wrapped.subarray(0, rawBytes)), context, wrapped.subarray(rawBytes));
  }

  private keyOf(ephemeral: Uint8Array): Buffer {
    const name = Buffer.from(ephemeral).toString('base64');
    const known = this.agreed.get(name);
    if (known) return known;
    const key = agreed(this.privateKey, x25519PublicKey(ephemeral), ephemeral, this.recipient);
    this.agreed.set(name, key);
    return key;
  }
}
