/** A data key in the form in which it may be stored. Forgetting it erases what is under it, whatever copies of that there are. */
export interface WrappedKey {
  readonly bytes: Buffer;
  /** The content key that it is wrapped to; null: the master key of its service. */
  readonly over: string | null;
}

/** Who wraps data keys for their organisations. `context` says what a key is for, and must be given again. */
export interface KeyWrapper {
  wrap(tenant: string, context: string, key: Uint8Array): Promise<WrappedKey>;
  /** Throws when the key was wrapped for another organisation or context, or changed; and the errors of whoever keeps the key over it. */
  unwrap(tenant: string, context: string, wrapped: WrappedKey): Promise<Buffer>;
}
