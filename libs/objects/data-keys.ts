import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { assert } from '#kernel';

const nonceBytes = 12;
const tagBytes = 16;

/**
 * Keys of an organisation's data at rest, all under one master key that only its service has: each object has a data key of its
 * own, wrapped (AES-256-GCM) under a key that HKDF-SHA256 derives for the organisation. Forgetting the wrapped key erases the
 * object, whatever copies of its bytes there are.
 */
export class DataKeys {
  constructor(private readonly master: Uint8Array) {
    assert(master.length === 32, 'the master key has 32 bytes');
  }

  /** A fresh data key, and the form in which it may be stored. */
  fresh(tenant: string, context: string): { key: Buffer; wrapped: Buffer } {
    const key = randomBytes(32);
    return { key, wrapped: this.seal(tenant, `key ${context}`, key) };
  }

  /** Throws when the key was wrapped for another organisation or context, or changed. */
  unwrap(tenant: string, context: string, wrapped: Uint8Array): Buffer {
    return this.open(tenant, `key ${context}`, wrapped);
  }

  /** Small values in rows: nonce ‖ ciphertext ‖ tag, bound to its organisation and context. At most 2³² for each organisation. */
  seal(tenant: string, context: string, plaintext: Uint8Array): Buffer {
    return this.sealUnder(this.of(tenant), context, plaintext);
  }

  open(tenant: string, context: string, sealed: Uint8Array): Buffer {
    return this.openUnder(this.of(tenant), context, sealed);
  }

  /** The same under a key of one thing alone: gone when that is forgotten. */
  sealUnder(key: Uint8Array, context: string, plaintext: Uint8Array): Buffer {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    cipher.setAAD(Buffer.from(context));
    return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  }

  openUnder(key: Uint8Array, context: string, sealed: Uint8Array): Buffer {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes));
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(sealed.subarray(-tagBytes));
    return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]);
  }

  /** A data key for what belongs to an object and is not in it. */
  madeOf(key: Uint8Array, use: string): Buffer {
    return Buffer.from(hkdfSync('sha256', key, '', `mizan-${use}-v1`, 32));
  }

  /** A key for another use than data: tickets, for one. */
  derived(use: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.master, '', `mizan-${use}-v1`, 32));
  }

  private of(tenant: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.master, tenant, 'mizan-objects-v1', 32));
  }
}
