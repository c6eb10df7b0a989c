import { createHash } from 'node:crypto';
import type { Clock, Json } from '#kernel';
import { canonicalJson } from '#kernel';
import type { DataClass, LimitEntry } from '#protocol';
import type { InferenceAnswer, InferenceJob } from './inference-job.js';

/** Answers of all organisations together, and the largest one: 64 MiB beside a gateway's 150. */
const bytesMax = 64 * 1024 * 1024;
const answerBytesMax = 1024 * 1024;
/** What an entry takes beside its bytes. */
const overheadBytes = 512;

interface Kept {
  readonly answer: InferenceAnswer;
  readonly atMs: number;
  readonly bytes: number;
}

/** Where a request's answer is kept, and for how long. */
export interface CachePlace {
  readonly key: string;
  readonly keepMs: number;
}

/** What of a decision an answer is kept under. */
export interface CacheScope {
  readonly dataClass: DataClass;
  readonly policyHash: string | null;
}

/**
 * Answers of projects that asked for it, found again only by the very same request of the same organisation, project, key, data class,
 * declared facts and policy, which is all that a decision depends on: the key is the whole SHA-256 over all of them. In memory,
 * bounded, least recently used out first.
 */
export class AnswerCache {
  private readonly kept = new Map<string, Kept>();
  private bytes = 0;

  constructor(private readonly clock: Clock) {}

  /** `undefined`: this request's answer is not to be kept. Only what gives the same answer twice is: embeddings, and chat at temperature 0. */
  placeOf(job: InferenceJob, scope: CacheScope, limits: Pick<LimitEntry, 'cacheSeconds' | 'tenant'> | undefined): CachePlace | undefined {
    if (!limits?.cacheSeconds || limits.tenant !== job.tenant.tenant) return undefined;
    // A URL is not what it leads to.
    if (job.complete !== undefined) return undefined;
    if (job.endpoint !== 'embeddings' && job.endpoint !== 'chat.completions') return undefined;
    const body = JSON.parse(job.body.toString()) as { readonly [name: string]: Json };
    const isStable = job.endpoint === 'embeddings' || (body['temperature'] === 0 && body['stream'] !== true);
    if (!isStable) return undefined;
    const declared = { ...job.declared, tags: [...job.declared.tags] };
    const named = canonicalJson([job.tenant.tenant, job.project.id, job.keyId, scope.dataClass, declared, scope.policyHash, job.endpoint, job.model, body]);
    return { key: createHash('sha256').update(named).digest('hex'), keepMs: limits.cacheSeconds * 1_000 };
  }

  /** The answer in the machine's words, no older than this request's project allows. */
  get({ key, keepMs }: CachePlace): InferenceAnswer | undefined {
    const found = this.kept.get(key);
    if (!found) return undefined;
    this.drop(key, found);
    if (found.atMs + keepMs <= this.clock.monotonicMs()) return undefined;
    this.add(key, found);
    return found.answer;
  }

  keep({ key }: CachePlace, answer: InferenceAnswer): void {
    const { engineBody } = answer;
    const bytes = engineBody.length + overheadBytes;
    if (answer.status !== 200 || engineBody.length > answerBytesMax) return;
    const before = this.kept.get(key);
    if (before) this.drop(key, before);
    this.add(key, { answer: { ...answer, body: engineBody }, atMs: this.clock.monotonicMs(), bytes });
    for (const [oldest, entry] of this.kept) {
      if (this.bytes <= bytesMax) return;
      this.drop(oldest, entry);
    }
  }

  private add(key: string, entry: Kept): void {
    this.kept.set(key, entry);
    this.bytes += entry.bytes;
  }

  private drop(key: string, entry: Kept): void {
    this.kept.delete(key);
    this.bytes -= entry.bytes;
  }
}
