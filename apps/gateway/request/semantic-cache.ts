import { createHash } from 'node:crypto';
import type { Clock, Json } from '#kernel';
import { canonicalJson } from '#kernel';
import type { LimitEntry } from '#protocol';
import type { CacheScope } from './answer-cache.js';
import type { Classification } from './classify.js';
import type { InferenceAnswer, InferenceJob } from './inference-job.js';

/** Answers of all organisations together, and the largest one. */
const bytesMax = 32 * 1024 * 1024;
const answerBytesMax = 256 * 1024;
/** Questions compared in one go: 256 × 1,024 products are a quarter of a millisecond. */
const perPlaceMax = 256;
/** What an entry takes beside its bytes. */
const overheadBytes = 512;
/** Beyond this, a question is no question: its meaning is not in one vector. */
const questionCharsMax = 8_192;

/** Where a request's answer may be found by the meaning of its question: all else is the very same. */
export interface SemanticPlace {
  readonly key: string;
  /** The last message. */
  readonly question: string;
  readonly setting: NonNullable<LimitEntry['semanticCache']>;
}

interface Kept {
  readonly answer: InferenceAnswer;
  readonly vector: Float32Array;
  readonly atMs: number;
  readonly bytes: number;
  readonly place: string;
}

/**
 * Answers of projects that asked for it, found again by a question of similar meaning. Only the last message may differ: organisation,
 * project, key, data class, declared facts, policy, model and the rest of the body are one whole SHA-256, as with {@link AnswerCache}. In
 * memory, bounded, least recently used out first.
 */
export class SemanticCache {
  private readonly kept = new Set<Kept>();
  private readonly places = new Map<string, Set<Kept>>();
  private bytes = 0;

  constructor(private readonly clock: Clock) {}

  /**
   * `undefined`: neither looked up nor kept. That is whatever is streamed, asks for variety, has more than text, or names people: two
   * questions about two persons are similar.
   */
  placeOf(job: InferenceJob, scope: CacheScope, { findings }: Pick<Classification, 'findings'>, limits: Pick<LimitEntry, 'semanticCache' | 'tenant'> | undefined): SemanticPlace | undefined {
    const setting = limits?.semanticCache;
    if (!setting || limits?.tenant !== job.tenant.tenant || job.endpoint !== 'chat.completions' || job.streamed !== undefined || job.complete !== undefined || findings.length > 0) return undefined;
    const body = JSON.parse(job.body.toString()) as { readonly [name: string]: Json };
    const messages = body['messages'] as readonly { readonly [name: string]: Json }[];
    const last = messages.at(-1);
    const question = last?.['content'];
    if (body['stream'] === true || (body['temperature'] ?? 0) !== 0 || (body['n'] ?? 1) !== 1) return undefined;
    if (last?.['role'] !== 'user' || typeof question !== 'string' || question.trim() === '' || question.length > questionCharsMax) return undefined;
    const declared = { ...job.declared, tags: [...job.declared.tags] };
    const rest = { ...body, messages: [...messages.slice(0, -1), { ...last, content: null }] };
    const named = canonicalJson([job.tenant.tenant, job.project.id, job.keyId, scope.dataClass, declared, scope.policyHash, job.model, setting.model, rest]);
    return { key: createHash('sha256').update(named).digest('hex'), question, setting };
  }

  /** The answer to the most similar question, if it is similar and young enough; `similarity` is the cosine. */
  find({ key, setting }: SemanticPlace, vector: Float32Array): { answer: InferenceAnswer; similarity: number } | undefined {
    const untilMs = this.clock.monotonicMs() - setting.seconds * 1_000;
    let best: { kept: Kept; similarity: number } | undefined;
    for (const kept of this.places.get(key) ?? []) {
      if (kept.atMs <= untilMs) {
        this.drop(kept);
        continue;
      }
      const similarity = cosine(kept.vector, vector);
      if (similarity >= setting.minSimilarity && (best === undefined || similarity > best.similarity)) best = { kept, similarity };
    }
    if (best === undefined) return undefined;
    this.drop(best.kept);
    this.add(best.kept);
    return { answer: best.kept.answer, similarity: best.similarity };
  }

  keep({ key }: SemanticPlace, vector: Float32Array, answer: InferenceAnswer): void {
    const { engineBody } = answer;
    if (answer.status !== 200 || engineBody.length > answerBytesMax) return;
    this.add({ answer: { ...answer, body: engineBody }, vector, atMs: this.clock.monotonicMs(), bytes: engineBody.length + vector.byteLength + overheadBytes, place: key });
    const here = this.places.get(key)!;
    if (here.size > perPlaceMax) this.drop(first(here));
    while (this.bytes > bytesMax) this.drop(first(this.kept));
  }

  private add(kept: Kept): void {
    this.kept.add(kept);
    const here = this.places.get(kept.place);
    if (here) here.add(kept);
    else this.places.set(kept.place, new Set([kept]));
    this.bytes += kept.bytes;
  }

  private drop(kept: Kept): void {
    const here = this.places.get(kept.place)!;
    here.delete(kept);
    if (here.size === 0) this.places.delete(kept.place);
    this.kept.delete(kept);
    this.bytes -= kept.bytes;
  }
}

const first = (all: ReadonlySet<Kept>): Kept => all.values().next().value!;

/** 0 for vectors that cannot be compared. */
export function cosine(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return 0;
  let [dot, aa, bb] = [0, 0, 0];
  for (let index = 0; index < a.length; index += 1) {
    dot += a[index]! * b[index]!;
    aa += a[index]! * a[index]!;
    bb += b[index]! * b[index]!;
  }
  return aa > 0 && bb > 0 ? dot / Math.sqrt(aa * bb) : 0;
}
