import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { accumulateResponse } from 'openai/lib/responses/ResponseAccumulator';
import type { ResponseStreamEvent } from 'openai/resources/responses/responses';
import { failure } from '#protocol';
import type { BackgroundState, BackgroundStatus } from '#protocol';
import { followResponse } from './follow-response.js';
import type { Followed } from './follow-response.js';
import { ResponseEvents } from './response-events.js';
import type { ResponseRequest } from './response-request.js';
import { responseObject } from './response-object.js';
import { sentEvents } from './sent-events.js';

const id = '00000000-0000-7000-8000-00000000abcd';
const request: ResponseRequest = { model: 'm', input: 'a', background: true };
const queued = responseObject(request, { isStored: true }, { id, createdAt: 7, model: 'm', status: 'queued', output: [], usage: null });
const chunk = (content: string): Buffer => Buffer.from(JSON.stringify({ id: 'c', created: 9, model: 'engine', choices: [{ index: 0, delta: { content }, finish_reason: null }] }));
const run = (first: number): ResponseEvents => new ResponseEvents(id, request, { isStored: true }, undefined, { first, createdAt: 7 });

/** A log as it lies in the scheduler: some events at a time, read one page at a time. */
class Log implements Followed {
  readonly pieces: Buffer[] = [];
  status: BackgroundStatus = 'in_progress';
  error: BackgroundState['error'] = null;
  isTold = false;
  isOver = false;
  /** What happens at each look. */
  readonly steps: (() => void)[] = [];

  get events(): Followed['events'] {
    return async (_state, after) => this.pieces.find((piece) => sentEvents(piece).at(-1)!.number > after) ?? Buffer.alloc(0);
  }

  get count(): number {
    return 2 + this.pieces.reduce((sum, piece) => sum + sentEvents(piece).length, 0);
  }

  queued = (): Promise<Record<string, unknown>> => Promise.resolve(queued);

  state = async (): Promise<BackgroundState | undefined> => {
    this.steps.shift()?.();
    return { status: this.status, error: this.error, events: this.count, isTold: this.isTold, isOver: this.isOver, eventsUrl: 'http://scheduler.invalid/' };
  };

  end(status: BackgroundStatus, isTold: boolean, error: BackgroundState['error'] = null): void {
    [this.status, this.isTold, this.isOver, this.error] = [status, isTold, true, error];
  }
}

async function followed(log: Followed, after: number, signal = new AbortController().signal): Promise<ResponseStreamEvent[]> {
  const heard: ResponseStreamEvent[] = [];
  for await (const bytes of await followResponse(log, after, signal)) for (const { bytes: event } of sentEvents(bytes)) heard.push(JSON.parse(event.toString().split('\ndata: ')[1]!) as ResponseStreamEvent);
  return heard;
}

/** A log of a run that was lost after some words, and of the one that ended it. */
function lostAndDone(): Log {
  const log = new Log();
  const first = run(2);
  log.pieces.push(first.take(chunk('never '))!, first.take(chunk('heard'))!);
  const second = run(log.count);
  log.pieces.push(second.take(chunk('All '))!, second.take(chunk('of it'))!);
  log.pieces.push(second.end({ inputTokens: 1, outputTokens: 2 }));
  log.end('completed', true);
  return log;
}

describe('following a response in the background', () => {
  it('tells every event once, in its order, from whatever number on', async () => {
    const all = await followed(lostAndDone(), -1);
    expect(all.map(({ sequence_number: number }) => number)).toEqual(all.map((_event, n) => n));
    expect(all.slice(0, 2).map(({ type }) => type)).toEqual(['response.created', 'response.queued']);
    await fc.assert(fc.asyncProperty(fc.integer({ min: -1, max: all.length + 3 }), async (after) => expect(await followed(lostAndDone(), after)).toEqual(all.slice(after + 1))));
  });

  it('makes the very response that its last event holds, though an earlier run was lost: each run begins anew', async () => {
    const all = await followed(lostAndDone(), -1);
    const last = all.at(-1) as Extract<ResponseStreamEvent, { type: 'response.completed' }>;
    const snapshot = all.slice(0, -1).reduce<ReturnType<typeof accumulateResponse> | undefined>((before, event) => accumulateResponse(event, before), undefined)!;
    expect(snapshot.output).toEqual(last.response.output);
    expect(snapshot.output_text).toBe('All of it');
    expect(last.response).toMatchObject({ background: true, created_at: 7, status: 'completed', store: true });
  });

  it('goes on with what comes while it looks', async () => {
    const log = new Log();
    const form = run(2);
    log.status = 'queued';
    log.steps.push(() => undefined, () => (log.status = 'in_progress'), () => log.pieces.push(form.take(chunk('a'))!), () => undefined, () => (log.pieces.push(form.end({ inputTokens: 1, outputTokens: 1 })), log.end('completed', true)));
    expect((await followed(log, -1)).map(({ type }) => type)).toEqual([
      ...['response.created', 'response.queued', 'response.in_progress', 'response.output_item.added', 'response.content_part.added', 'response.output_text.delta'],
      ...['response.output_text.done', 'response.content_part.done', 'response.output_item.done', 'response.completed'],
    ]);
  });

  it.each([
    ['cancelled', 'response.incomplete', null],
    ['failed', 'response.failed', { code: 'server_error', message: 'it was lost' }],
  ] as const)('ends with a word for one that %s and that nobody told', async (status, type, error) => {
    const log = new Log();
    log.end(status, false, error);
    expect((await followed(log, 0)).map((event) => [event.type, event.sequence_number])).toEqual([['response.queued', 1], [type, 2]]);
    expect((await followed(log, 1))[0]).toMatchObject({ response: { status, error, output: [] } });
    expect(await followed(log, 2)).toEqual([]);
  });

  it('waits for the last words of one that was cancelled and still runs', async () => {
    const log = new Log();
    const form = run(2);
    log.status = 'cancelled';
    log.steps.push(() => undefined, () => undefined, () => (log.pieces.push(form.take(chunk('half'))!, form.stopped('cancelled', null)), log.end('cancelled', true)));
    expect((await followed(log, 1)).at(-1)).toMatchObject({ type: 'response.incomplete', response: { status: 'cancelled', output: [{ status: 'incomplete', content: [{ text: 'half' }] }] } });
  });

  it('waits for a scheduler that is away for a while, once it has begun', async () => {
    const away = (): void => {
      throw failure('SERVICE_UNAVAILABLE', 'away');
    };
    const log = lostAndDone();
    [log.isOver, log.status] = [false, 'in_progress'];
    log.steps.push(() => undefined, away, away, () => log.end('completed', true));
    expect((await followed(log, 3)).at(-1)?.type).toBe('response.completed');
    const gone = new Log();
    gone.steps.push(away);
    await expect(followed(gone, -1)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  });

  it('is refused for a response that did not run in the background, and ends when nobody listens', async () => {
    await expect(followed({ ...new Log(), queued: () => Promise.resolve(queued), state: () => Promise.resolve(undefined) } as never, -1)).rejects.toMatchObject({ code: 'REQUEST_INVALID', details: { param: 'stream' } });
    const gone = new AbortController();
    const log = new Log();
    log.steps.push(() => undefined, () => gone.abort(failure('DEADLINE_EXCEEDED', 'the client went away')));
    await expect(followed(log, 5, gone.signal)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });
});
