import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import type { Clock, DomainError } from '#kernel';
import { failure } from '#protocol';
import type { InferenceAnswer } from '../request/inference-job.js';
import type { Claim, ClaimStore } from './claim-store.js';

/** An answer with its claim fits a message of 1 MiB as base64. */
const answerBytesMax = 512 * 1024;
const retryMs = 1_000;

/** A request that says which one it is. */
export interface Named {
  readonly tenant: string;
  readonly keyId: string;
  /** The `Idempotency-Key`. */
  readonly name: string;
  /** What only the caller has: answers are kept under it, so that the bus holds nothing that could be read. */
  readonly secret: string;
  readonly path: string;
  readonly body: unknown;
  readonly record: string;
  readonly deadlineMs: number;
}

export type Kept = Pick<InferenceAnswer, 'status' | 'contentType' | 'body' | 'record'>;

/** The right to run a named request. */
export interface Turn {
  /** The answer is there: who asks again gets it. `undefined`: it cannot be given again. */
  keep(answer: Kept | undefined): Promise<void>;
  /** It is about to be sent to a machine: from here on nobody else runs it, whatever becomes of it. Errors: CONFLICT (another gateway has it), SERVICE_UNAVAILABLE. */
  begin(): Promise<void>;
  /** It has no answer, and may be charged: who asks again is told so. */
  leave(): Promise<void>;
  /** Nothing came of it, and nothing is charged: it may be asked again. */
  giveBack(): Promise<void>;
}

/** Runs a request that carries an `Idempotency-Key` once, over all gateways, for an hour. */
export class Once {
  constructor(
    private readonly claims: ClaimStore,
    private readonly clock: Clock,
  ) {}

  /** The turn to run it, or what was answered. Errors: IDEMPOTENCY_MISMATCH, CONFLICT (it runs, or its answer is not kept), SERVICE_UNAVAILABLE. */
  async take(named: Named): Promise<{ turn: Turn } | { kept: Kept }> {
    const key = digest(named.tenant, named.keyId, named.name);
    const own: Claim = { requestHash: digest(named.path, JSON.stringify(named.body)), record: named.record, untilMs: this.clock.nowMs() + named.deadlineMs, end: null };
    const made = await this.claims.create(key, own);
    if (typeof made === 'number') return { turn: this.turn(key, own, made, named) };
    const { claim, revision } = made;
    if (claim.requestHash !== own.requestHash) throw failure('IDEMPOTENCY_MISMATCH', 'this Idempotency-Key was used for another request', { record: claim.record });
    if (claim.end === null && claim.begun === true && claim.untilMs <= this.clock.nowMs()) throw hasNoAnswer(claim);
    if (claim.end === null) {
      const taken = claim.begun !== true && claim.untilMs < this.clock.nowMs() ? await this.claims.replace(key, own, revision) : undefined;
      if (taken === undefined) throw failure('CONFLICT', 'a request with this Idempotency-Key is running', { record: claim.record, retryAfterMs: retryMs });
      return { turn: this.turn(key, own, taken, named) };
    }
    if (claim.end === 'none') throw failure('CONFLICT', 'a request with this Idempotency-Key has run; its answer was streamed or is too large to be given again', { record: claim.record, shouldRetry: false });
    return { kept: { status: claim.end.status, contentType: claim.end.contentType, record: claim.record, body: opened(key, claim.end, named) } };
  }

  private turn(key: string, own: Claim, revision: number, named: Named): Turn {
    let current = Promise.resolve(revision);
    let hasBegun = false;
    const begun = async (before: number): Promise<number> => {
      const after = await this.claims.replace(key, { ...own, begun: true }, before);
      if (after === undefined) throw failure('CONFLICT', 'a request with this Idempotency-Key is running', { record: own.record, retryAfterMs: retryMs });
      return after;
    };
    return {
      begin: async () => {
        if (!hasBegun) current = current.then(begun);
        hasBegun = true;
        await current;
      },
      keep: async (answer) => {
        const end = answer === undefined || answer.body.length > answerBytesMax ? 'none' : sealed(key, answer, named);
        await this.claims.replace(key, { ...own, record: answer?.record ?? own.record, end }, await current);
      },
      leave: async () => void (await this.claims.replace(key, { ...own, begun: true, untilMs: this.clock.nowMs() }, await current)),
      giveBack: async () => this.claims.remove(key, await current.catch(() => revision)),
    };
  }
}

const hasNoAnswer = ({ record }: Claim): DomainError =>
  failure('CONFLICT', 'a request with this Idempotency-Key was begun and has no answer that could be given again; its record says whether it was charged: to have it run again, send it with another key', { record, shouldRetry: false });

/** Error: CONFLICT for what was kept under another secret. */
function opened(key: string, { nonce, ciphertext }: Exclude<NonNullable<Claim['end']>, 'none'>, named: Named): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', answerKey(named), Buffer.from(nonce, 'base64'));
  const sealed = Buffer.from(ciphertext, 'base64');
  try {
    decipher.setAAD(Buffer.from(key)).setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  } catch (error) {
    throw failure('CONFLICT', 'a request with this Idempotency-Key has run; its answer was kept under another secret and cannot be opened', { shouldRetry: false }, error);
  }
}

function sealed(key: string, { status, contentType, body }: Kept, named: Named): NonNullable<Claim['end']> {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', answerKey(named), nonce);
  cipher.setAAD(Buffer.from(key));
  return { status, contentType, nonce: nonce.toString('base64'), ciphertext: Buffer.concat([cipher.update(body), cipher.final(), cipher.getAuthTag()]).toString('base64') };
}

const answerKey = ({ secret, name }: Named): Buffer => Buffer.from(hkdfSync('sha256', secret, name, 'mizan-kept-answer-v1', 32));

const digest = (...parts: string[]): string => createHash('sha256').update(JSON.stringify(parts)).digest('hex');
