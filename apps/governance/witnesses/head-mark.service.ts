import { Inject, Injectable } from '@nestjs/common';
import { Kvm, type KV } from '@nats-io/kv';
import { z } from 'zod';
import { Bus } from '#messaging';
import { fromHex, toHex } from '#merkle';
import { failure, sha256Hex } from '#protocol';
import type { Head } from '../audit/log.store.js';

const bucketName = 'log-heads';
const key = 'highest';
const marked = z.object({ size: z.int().nonnegative(), root: sha256Hex, key: z.string().optional() });

/** The highest head ever signed, under which key (marks of earlier releases name none), and its version in the bucket (0: there was none). */
export interface Mark extends Head {
  readonly key: string | undefined;
  readonly revision: number;
}

/** Where the highest signed head is kept: in JetStream, apart from the database. Its errors are `SERVICE_UNAVAILABLE`. */
@Injectable()
export class HeadMark {
  private bucket: KV | undefined;

  constructor(@Inject(Bus) private readonly bus: Bus) {}

  async read(): Promise<Mark> {
    const entry = await this.within((bucket) => bucket.get(key));
    if (entry?.operation !== 'PUT') return { size: 0, root: new Uint8Array(32), key: undefined, revision: 0 };
    const { size, root, key: signedUnder } = marked.parse(entry.json());
    return { size, root: fromHex(root), key: signedUnder, revision: entry.revision };
  }

  /** Whether it was still of that revision. */
  async write({ size, root }: Head, signedUnder: string, revision: number): Promise<boolean> {
    const value = JSON.stringify({ size, root: toHex(root), key: signedUnder });
    return this.within(async (bucket) => {
      try {
        await (revision === 0 ? bucket.create(key, value) : bucket.update(key, value, revision));
        return true;
      } catch (error) {
        if (((await bucket.get(key))?.revision ?? 0) !== revision) return false;
        throw error;
      }
    });
  }

  private async within<T>(work: (bucket: KV) => Promise<T>): Promise<T> {
    try {
      this.bucket ??= await new Kvm(this.bus.jetstream).open(bucketName);
      return await work(this.bucket);
    } catch (cause) {
      throw failure('SERVICE_UNAVAILABLE', `which head of the log was signed last cannot be read or noted: ${(cause as Error).message}`, {}, cause);
    }
  }
}
