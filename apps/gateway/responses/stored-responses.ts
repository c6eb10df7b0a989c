import { z } from 'zod';
import type { Clock } from '#kernel';
import type { Caller } from '#messaging';
import { dataClass, failure, storedResponseCalls, storedResponseLimits } from '#protocol';
import { internalId } from '../files/external-ids.js';
import { fetchContent, sendContent } from '../http/internal-transfer.js';
import type { Replicated } from '../replicated.js';
import type { InputItem } from './input-items.js';

/** How long the end of an answer waits for its response to be stored; later it is said not to be. */
const storeMs = 10_000;

const stored = z.object({
  v: z.literal(1),
  response: z.record(z.string(), z.unknown()),
  /** All that the response was made from, earlier responses included. */
  input: z.array(z.custom<InputItem>((value) => typeof value === 'object' && value !== null)),
  /** Class of the data that was declared: what goes on from it has this class at least. */
  dataClass,
});
export type StoredResponse = z.output<typeof stored>;

interface Scope {
  readonly tenant: string;
  readonly project: string | null;
}

/** Responses that their project's retention lets the scheduler store, each with its whole input. */
export class StoredResponses {
  constructor(
    private readonly caller: Caller,
    private readonly replicated: Pick<Replicated, 'limits'>,
    private readonly clock: Clock,
  ) {}

  /** How long a project's responses are stored; null: not at all. */
  secondsOf({ tenant, project }: { readonly tenant: string; readonly project: string }): number | null {
    const limit = this.replicated.limits.get(project);
    return limit?.tenant === tenant && limit.scope === 'project' ? limit.responseSeconds : null;
  }

  /** Resolves when it can be read. Errors: those of the scheduler, BODY_TOO_LARGE, SERVICE_UNAVAILABLE. */
  async save(owner: { tenant: string; project: string; keyId: string }, id: string, seconds: number, response: StoredResponse): Promise<void> {
    const body = Buffer.from(JSON.stringify(response));
    if (body.length > storedResponseLimits.bytesMax) throw failure('BODY_TOO_LARGE', `a response of more than ${storedResponseLimits.bytesMax} bytes is not stored`);
    const { url } = await this.caller.call(storedResponseCalls.beginResponse, { ...owner, id, expiresAtMs: this.clock.nowMs() + seconds * 1_000 });
    try {
      await sendContent(url, body, {}, 'responses', AbortSignal.timeout(storeMs));
    } catch (error) {
      // It may have arrived all the same: what is said not to be stored is not.
      void this.caller.call(storedResponseCalls.deleteResponse, { tenant: owner.tenant, project: owner.project, id }).catch(() => undefined);
      throw error;
    }
  }

  /** `external` as clients have it. Errors: NOT_FOUND, SERVICE_UNAVAILABLE. */
  async get(scope: Scope, external: string, param?: string): Promise<StoredResponse> {
    const id = internalId('resp_', external, param);
    const { url } = await found(this.caller.call(storedResponseCalls.openResponse, { ...scope, id }), external, param);
    const { body } = await found(fetchContent(url, 'responses'), external, param);
    const chunks: Buffer[] = [];
    for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
    return stored.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
  }

  /** Error: NOT_FOUND. */
  async delete(scope: Scope, external: string): Promise<void> {
    await found(this.caller.call(storedResponseCalls.deleteResponse, { ...scope, id: internalId('resp_', external) }), external);
  }
}

async function found<T>(asked: Promise<T>, external: string, param?: string): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'NOT_FOUND') throw error;
    throw failure('NOT_FOUND', `there is no response "${external.slice(0, 64)}"`, param === undefined ? {} : { param });
  }
}
