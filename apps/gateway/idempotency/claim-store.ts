import { Kvm } from '@nats-io/kv';
import type { KV } from '@nats-io/kv';
import { z } from 'zod';
import type { Bus } from '#messaging';
import { failure, sha256Hex, timeMs, uuid } from '#protocol';

/** Who runs a request, and what became of it. */
export const claim = z.object({
  /** Of the route and the body: the same key may not stand for another request. */
  requestHash: sha256Hex,
  record: uuid,
  /** A claim without an end is given up then: its gateway is gone. One that was begun is not. */
  untilMs: timeMs,
  /** Something of it was sent to a machine, and may be charged. */
  begun: z.boolean().optional(),
  /** `none`: it was streamed, or is too large to be kept. */
  end: z.union([z.object({ status: z.int(), contentType: z.string(), nonce: z.base64(), ciphertext: z.base64() }), z.literal('none')]).nullable(),
});
export type Claim = z.output<typeof claim>;

export interface StoredClaim {
  readonly claim: Claim;
  readonly revision: number;
}

/** Claims of all gateways, in a bucket that forgets them after an hour. */
export abstract class ClaimStore {
  /** Resolves to the revision, or to the claim that is there already. Error: SERVICE_UNAVAILABLE. */
  abstract create(key: string, claim: Claim): Promise<number | StoredClaim>;
  /** Replaces a claim that is still the one of `revision`; otherwise nothing happens and `undefined` comes back. Error: SERVICE_UNAVAILABLE. */
  abstract replace(key: string, claim: Claim, revision: number): Promise<number | undefined>;
  /** Error: SERVICE_UNAVAILABLE. */
  abstract remove(key: string, revision: number): Promise<void>;
}

export class BucketClaims extends ClaimStore {
  private bucket: Promise<KV> | undefined;

  constructor(private readonly bus: Bus) {
    super();
  }

  async create(key: string, value: Claim): Promise<number | StoredClaim> {
    return this.within(async (bucket) => {
      try {
        return await bucket.create(key, JSON.stringify(value));
      } catch (error) {
        const there = await bucket.get(key);
        if (there?.operation !== 'PUT') throw error;
        return { claim: claim.parse(there.json()), revision: there.revision };
      }
    });
  }

  async replace(key: string, value: Claim, revision: number): Promise<number | undefined> {
    return this.within((bucket) => bucket.update(key, JSON.stringify(value), revision).catch(async (error: unknown) => this.unlessMoved(bucket, key, revision, error)));
  }

  async remove(key: string, revision: number): Promise<void> {
    await this.within((bucket) => bucket.delete(key, { previousSeq: revision }).catch(async (error: unknown) => this.unlessMoved(bucket, key, revision, error)));
  }

  /** Another gateway was first, which is no failure. */
  private async unlessMoved(bucket: KV, key: string, revision: number, error: unknown): Promise<undefined> {
    if ((await bucket.get(key))?.revision === revision) throw error;
    return undefined;
  }

  private async within<T>(work: (bucket: KV) => Promise<T>): Promise<T> {
    try {
      this.bucket ??= new Kvm(this.bus.jetstream).open('claims');
      return await work(await this.bucket);
    } catch (error) {
      this.bucket = undefined;
      throw failure('SERVICE_UNAVAILABLE', 'whether a request with this Idempotency-Key ran already cannot be told now; try again shortly', {}, error);
    }
  }
}
