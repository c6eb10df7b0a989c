import { z } from 'zod';
import type { Clock } from '#kernel';
import type { Caller } from '#messaging';
import { backgroundCalls, dataClass, failure, storedResponseCalls, storedResponseLimits } from '#protocol';
import type { BackgroundState, declaredFactsShape } from '#protocol';
import { internalId } from '../files/external-ids.js';
import { fetchContent, sendContent, withQuery } from '../http/internal-transfer.js';
import type { Replicated } from '../replicated.js';
import type { InputItem } from './input-items.js';
import { patiently } from './patiently.js';
import { lastEvent } from './sent-events.js';

/** How long the end of an answer waits for its response to be stored; later it is said not to be. */
const storeMs = 10_000;

const stored = z.object({
  v: z.literal(1),
  response: z.record(z.string(), z.unknown()),
  /** All that the response was made from, earlier responses included. */
  input: z.array(z.custom<InputItem>((value) => typeof value === 'object' && value !== null)),
  /** Class of the data that was declared: what goes on from it has this class at least. */
  dataClass,
  /** Pseudonyms of all whom it is about; absent in older ones. */
  persons: z.array(z.string()).optional(),
  /** Of one that runs in the background: what it was asked with, its input left out. */
  request: z.record(z.string(), z.unknown()).optional(),
});
export type StoredResponse = z.output<typeof stored>;

interface Owner {
  readonly tenant: string;
  readonly project: string;
  readonly keyId: string;
}

export interface Scope {
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

  /** Resolves when it can be read; with `background` it is queued to run then. Errors: those of the scheduler, BODY_TOO_LARGE, SERVICE_UNAVAILABLE. */
  async save(owner: Owner, id: string, seconds: number, response: StoredResponse, background?: { declared: z.output<typeof declaredFactsShape> }): Promise<void> {
    const body = Buffer.from(JSON.stringify(response));
    if (body.length > storedResponseLimits.bytesMax) throw failure('BODY_TOO_LARGE', `a response of more than ${storedResponseLimits.bytesMax} bytes is not stored`);
    const { url } = await this.caller.call(storedResponseCalls.beginResponse, { ...owner, id, expiresAtMs: this.clock.nowMs() + seconds * 1_000, persons: response.persons, background });
    try {
      await sendContent(url, body, {}, 'responses', AbortSignal.timeout(storeMs));
    } catch (error) {
      // It may have arrived all the same, or arrive yet: what is said not to be stored is not, and does not run.
      void patiently(() => this.caller.call(storedResponseCalls.deleteResponse, { tenant: owner.tenant, project: owner.project, id })).catch(() => undefined);
      throw error;
    }
  }

  /** As it stands now. `external` as clients have it. Errors: NOT_FOUND, SERVICE_UNAVAILABLE. */
  async get(scope: Scope, external: string, param?: string): Promise<StoredResponse> {
    const { url, background } = await this.open(scope, external, param);
    const content = readStored(await found(contentOf(url), external, param));
    return background ? { ...content, response: await this.current(content.response, background) } : content;
  }

  /** As it was stored first. Errors: NOT_FOUND, SERVICE_UNAVAILABLE. */
  async asMade(scope: Scope, external: string): Promise<StoredResponse> {
    const { url } = await this.open(scope, external);
    return readStored(await found(contentOf(url), external));
  }

  /** Where one in the background stands; undefined for another. Error: NOT_FOUND. */
  async stateOf(scope: Scope, external: string): Promise<BackgroundState | undefined> {
    return (await this.open(scope, external)).background;
  }

  /** Events with higher numbers than `after`, as far as they are not too many for once. Errors: NOT_FOUND, SERVICE_UNAVAILABLE. */
  eventsAfter({ eventsUrl }: BackgroundState, after: number): Promise<Buffer> {
    return contentOf(withQuery(eventsUrl, { after: String(after) }));
  }

  /** Ends one in the background, if it has not ended. Errors: NOT_FOUND, REQUEST_INVALID for another. */
  async cancel(scope: Scope, external: string): Promise<void> {
    await found(this.caller.call(backgroundCalls.cancelResponse, { ...scope, id: internalId('resp_', external) }), external);
  }

  private open(scope: Scope, external: string, param?: string): Promise<{ url: string; background?: BackgroundState | undefined }> {
    return found(this.caller.call(storedResponseCalls.openResponse, { ...scope, id: internalId('resp_', external, param) }), external, param);
  }

  /** What its last event holds, or else what was stored first, as far as it has come. */
  private async current(first: Record<string, unknown>, state: BackgroundState): Promise<Record<string, unknown>> {
    const last = state.isTold ? lastEvent(await this.eventsAfter(state, state.events - 2)) : undefined;
    return last ?? { ...first, status: state.status, error: state.error };
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

/** Error: what is no stored response. */
export const readStored = (bytes: Buffer): StoredResponse => stored.parse(JSON.parse(bytes.toString('utf8')));

async function contentOf(url: string): Promise<Buffer> {
  const { body } = await fetchContent(url, 'responses');
  try {
    return Buffer.concat(await body.toArray());
  } catch (error) {
    throw failure('SERVICE_UNAVAILABLE', 'the response broke off on its way; try again shortly', {}, error);
  }
}
