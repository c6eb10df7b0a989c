/**
 * Where keys are kept that wrap other keys. They are spoken of by name and never come out; what is wrapped says by itself under which version. Errors
 * of all: `KMS_UNAVAILABLE` (ask again later), `KMS_REFUSED` (the name, the right to it, or what is wrapped is wrong).
 */
export interface KeyManager {
  /** Wraps a key of 32 bytes. `context` says whose it is, and must be given again to unwrap it. */
  wrap(keyId: string, key: Uint8Array, context: string): Promise<string>;
  unwrap(keyId: string, wrapped: string, context: string): Promise<Uint8Array>;
  /** The same key under the newest version. */
  rewrap(keyId: string, wrapped: string, context: string): Promise<string>;
  /** Makes a newer version; gives its name. What older ones have wrapped still opens. */
  rotate(keyId: string): Promise<string>;
}
