import type { KeyEntry } from '#protocol';
import type { Replicated } from '../replicated.js';

/** API keys by their id: for work that goes on after the request that began it, and only as long as its key is good. */
export class KeysById {
  private byId: ReadonlyMap<string, KeyEntry> | undefined;

  constructor(private readonly replicated: Pick<Replicated, 'keys'>) {
    replicated.keys.onChange(() => (this.byId = undefined));
  }

  /** Undefined for a key that is revoked or expired. */
  get(id: string, nowMs: number): KeyEntry | undefined {
    this.byId ??= new Map([...this.replicated.keys.entries().values()].map((entry) => [entry.keyId, entry]));
    const entry = this.byId.get(id);
    return entry && (entry.expiresAtMs === null || entry.expiresAtMs > nowMs) ? entry : undefined;
  }
}
