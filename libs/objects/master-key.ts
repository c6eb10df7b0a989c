import { hkdfSync } from 'node:crypto';
import { assert } from '#kernel';
import { madeOf, openUnder, sealUnder } from './sealed-values.js';
import type { KeyWrapper, WrappedKey } from './wrapped-key.js';

/** A key of 32 bytes that only its service has, and a key for each organisation that HKDF-SHA256 derives from it. */
export class MasterKey implements KeyWrapper {
  constructor(private readonly master: Uint8Array) {
    assert(master.length === 32, 'the master key has 32 bytes');
  }

  wrap(tenant: string, context: string, key: Uint8Array): Promise<WrappedKey> {
    return Promise.resolve({ bytes: this.seal(tenant, `key ${context}`, key), over: null });
  }

  unwrap(tenant: string, context: string, { bytes }: WrappedKey): Promise<Buffer> {
    return new Promise((resolve) => resolve(this.unwrapped(tenant, context, bytes)));
  }

  /** The same at once: this key asks nobody. */
  unwrapped(tenant: string, context: string, bytes: Uint8Array): Buffer {
    return this.open(tenant, `key ${context}`, bytes);
  }

  /** Small values in rows, bound to their organisation and context. */
  seal(tenant: string, context: string, plaintext: Uint8Array): Buffer {
    return sealUnder(this.of(tenant), context, plaintext);
  }

  open(tenant: string, context: string, sealed: Uint8Array): Buffer {
    return openUnder(this.of(tenant), context, sealed);
  }

  /** A key for another use than data: tickets, for one. */
  derived(use: string): Buffer {
    return madeOf(this.master, use);
  }

  private of(tenant: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.master, tenant, 'mizan-objects-v1', 32));
  }
}
