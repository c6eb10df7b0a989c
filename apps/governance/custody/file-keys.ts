import { createHash } from 'node:crypto';
import { failure } from '#protocol';
import { unwrapKey, wrapKey } from '../organisations/key-wrapping.js';
import type { KeyManager } from './key-manager.js';

/**
 * Master keys that the operator puts into the environment (a mounted secret): the current one wraps, older ones still open. Their versions are made by whoever writes
 * the environment, so that `rotate` only names the newest. Wrapped: `file:<fingerprint>:<base64>`.
 */
export class FileKeys implements KeyManager {
  private readonly byVersion: ReadonlyMap<string, Uint8Array>;
  private readonly version: string;

  /** Keys of 32 bytes, the current one first. */
  constructor(private readonly keys: readonly [Uint8Array, ...Uint8Array[]]) {
    this.byVersion = new Map(keys.map((key) => [fingerprint(key), key]));
    this.version = fingerprint(keys[0]);
  }

  wrap(keyId: string, key: Uint8Array, context: string): Promise<string> {
    return Promise.resolve(`file:${this.version}:${wrapKey(this.keys[0], key, `${keyId}|${context}`).toString('base64')}`);
  }

  unwrap(keyId: string, wrapped: string, context: string): Promise<Uint8Array> {
    const [, version = '', bytes = ''] = wrapped.split(':');
    const key = this.byVersion.get(version);
    if (key === undefined) return Promise.reject(failure('KMS_REFUSED', `a key is wrapped under version ${version} of the master key, which is not configured: add it to GOVERNANCE_MASTER_KEYS_OLD`));
    try {
      return Promise.resolve(unwrapKey(key, Buffer.from(bytes, 'base64'), `${keyId}|${context}`));
    } catch (cause) {
      return Promise.reject(failure('KMS_REFUSED', 'a wrapped key was changed, or is not where it belongs', {}, cause));
    }
  }

  async rewrap(keyId: string, wrapped: string, context: string): Promise<string> {
    return this.wrap(keyId, await this.unwrap(keyId, wrapped, context), context);
  }

  rotate(): Promise<string> {
    return Promise.resolve(this.version);
  }

  /** Opens what was wrapped straight under a master key, before there were tenant keys. Error: the one of the current key. */
  openDirectly(wrapped: Uint8Array, context: string): Buffer {
    for (const key of this.keys.slice(1)) {
      try {
        return unwrapKey(key, wrapped, context);
      } catch {
        // Of another version.
      }
    }
    return unwrapKey(this.keys[0], wrapped, context);
  }
}

/** Names a version without saying anything about it. */
const fingerprint = (key: Uint8Array): string => createHash('sha256').update('mizan master key\0').update(key).digest('hex').slice(0, 16);
