import { createHash, randomBytes } from 'node:crypto';
import type { Endpoint } from '#protocol';
import type { Loaded } from './least-loaded.js';

/** About 128 tokens: engines keep their caches in blocks of 16 and more. */
const chunkBytes = 512;
/** 128 KiB of a request; two conversations that differ only after that count as one. 256 × 2 µs of hashing. */
const chunksMax = 256;
/** Below this part of a request, what a machine still holds of it saves too little to choose the machine for: a shared system prompt, say. */
const matchShareMin = 0.5;
/** Prefixes of all organisations: 2¹⁶ × about 120 bytes are 8 MB; the least recently used are forgotten first. */
const prefixesMax = 65_536;
/** A machine this much busier than the least busy one would make the conversation wait for longer than its cache saves. */
const busierBy = 4;
const busierTimes = 1.5;

/** What a machine's cache would be of use for. */
export interface Conversation {
  readonly tenant: string;
  readonly model: string;
  readonly endpoint: Endpoint;
  readonly body: Buffer;
}

/**
 * Which machine saw the beginning of a request last, so that a conversation returns to the one that holds its cache: a rolling hash over
 * the chunks of the body, salted by organisation and model, longest match. It only breaks ties: among machines of the same price,
 * and not towards one that is much busier than the others.
 */
export class PrefixAffinity {
  /** Hash of a prefix → offer, in the order of use. */
  private readonly offers = new Map<string, string>();

  constructor(private readonly salt: Uint8Array = randomBytes(32)) {}

  /** Hashes of the request's prefixes, shortest first; of what is shorter than a chunk, or no conversation, none. */
  prefixesOf({ tenant, model, endpoint, body }: Conversation): readonly string[] {
    if ((endpoint !== 'chat.completions' && endpoint !== 'completions') || body.length < chunkBytes) return [];
    const hash = createHash('sha256').update(this.salt).update(`${tenant} ${model}`);
    const count = Math.min(chunksMax, Math.floor(body.length / chunkBytes));
    return Array.from({ length: count }, (_, index) => hash.update(body.subarray(index * chunkBytes, (index + 1) * chunkBytes)).copy().digest('base64url').slice(0, 22));
  }

  /** The machine among `all` that saw the longest beginning, if that is worth it. */
  choose<T extends Loaded & { readonly offer: { readonly id: string } }>(prefixes: readonly string[], all: readonly T[]): T | undefined {
    for (let length = prefixes.length; length > 0 && length >= prefixes.length * matchShareMin; length -= 1) {
      const seenBy = this.offers.get(prefixes[length - 1]!);
      const found = seenBy === undefined ? undefined : all.find(({ offer }) => offer.id === seenBy);
      if (found) return found.inFlight > Math.min(...all.map(({ inFlight }) => inFlight)) * busierTimes + busierBy ? undefined : found;
    }
    return undefined;
  }

  remember(prefixes: readonly string[], offer: string): void {
    for (const prefix of prefixes) {
      this.offers.delete(prefix);
      this.offers.set(prefix, offer);
    }
    for (const oldest of this.offers.keys()) {
      if (this.offers.size <= prefixesMax) return;
      this.offers.delete(oldest);
    }
  }
}
