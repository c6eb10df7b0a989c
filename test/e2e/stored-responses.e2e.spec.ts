import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { eventually, GatewayStack } from '../../apps/gateway/gateway-harness.js';
import { uuidOf } from '../../apps/gateway/examples.js';
import { schedulerEnvironment } from '../../apps/scheduler/scheduler-harness.js';
import { scheduler } from '../../apps/scheduler/scheduler.service-definition.js';
import { freePort } from '#local';
import { migrate, runService } from '#service';
import type { RunningService } from '#service';
import { createTestDatabase, testNats } from '#testing';
import type { TestDatabase, TestNats } from '#testing';
import type { NodeJobInput, NodeJobOutput } from '#wire';

interface Chat {
  messages: { role: string; content: string | null }[];
  stream?: boolean;
}

describe('stored responses, with the official client', () => {
  let nats: TestNats;
  let database: TestDatabase;
  let stack: GatewayStack;
  let service: RunningService | undefined;
  let objects: string;
  let port: number;
  let client: OpenAI;
  let asked: Chat;
  let runs = 0;
  /** Lets what is said at length come to its end. */
  let finish: () => void;
  let told: Promise<void>;
  const project = uuidOf(3);

  /** Answers with how many messages it was given. */
  async function chat({ body }: NodeJobInput, signal: AbortSignal): Promise<NodeJobOutput> {
    runs += 1;
    asked = JSON.parse(body.toString()) as Chat;
    const content = `${asked.messages.length} heard`;
    const about = { id: 'c', created: 1_700_000_000, model: 'talk' };
    const tokens = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };
    const usage = { inputTokens: 5, outputTokens: 2 };
    if (asked.messages.some(({ content }) => content === 'At length.')) {
      told = new Promise((resolve) => (finish = resolve));
      return { status: 200, contentType: 'text/event-stream', body: atLength(signal), usage: said(signal).then((whole) => ({ inputTokens: 5, outputTokens: whole ? 2 : 1 })) };
    }
    if (!asked.stream) return { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify({ ...about, object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }], usage: tokens })), usage };
    async function* events(): AsyncGenerator<Buffer> {
      yield Buffer.from(`data: ${JSON.stringify({ ...about, choices: [{ index: 0, delta: { content }, finish_reason: 'stop' }] })}\n\ndata: ${JSON.stringify({ choices: [], usage: tokens })}\n\ndata: [DONE]\n\n`);
    }
    return { status: 200, contentType: 'text/event-stream', body: events(), usage: Promise.resolve(usage) };
  }
  /** False: nobody waits for it any more. */
  const said = async (signal: AbortSignal): Promise<boolean> => {
    await Promise.race([told, new Promise((resolve) => (signal.aborted ? resolve(undefined) : signal.addEventListener('abort', resolve)))]);
    return !signal.aborted;
  };
  /** A word at once, and the rest when the test says so, or the gateway that nobody waits. */
  async function* atLength(signal: AbortSignal): AsyncGenerator<Buffer> {
    const about = { id: 'c', created: 1_700_000_000, model: 'talk' };
    yield Buffer.from(`data: ${JSON.stringify({ ...about, choices: [{ index: 0, delta: { content: 'Slowly ' }, finish_reason: null }] })}\n\n`);
    if (!(await said(signal))) throw new Error('nobody waits');
    yield Buffer.from(`data: ${JSON.stringify({ ...about, choices: [{ index: 0, delta: { content: 'said' }, finish_reason: 'stop' }] })}\n\ndata: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } })}\n\ndata: [DONE]\n\n`);
  }
  const retain = async (responseSeconds: number | null): Promise<void> => {
    await stack.limit('project', project, { responseSeconds });
    await eventually(async () => (await client.responses.create({ model: 'talk', input: 'is it stored?' }) as unknown as { store: boolean }).store === (responseSeconds !== null));
  };
  const start = (): Promise<RunningService> =>
    runService(scheduler, {
      ...schedulerEnvironment(nats, database, objects),
      // A scheduler that is started again is where it was.
      HTTP_PORT: String(port),
    });

  beforeAll(async () => {
    objects = mkdtempSync(join(tmpdir(), 'mizan-responses-'));
    port = await freePort();
    [nats, database] = await Promise.all([testNats(), createTestDatabase({ service: 'scheduler' })]);
    await migrate(scheduler, database.ownerUrl);
    service = await start();
    stack = await GatewayStack.start(nats);
    client = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: await stack.key('developer'), maxRetries: 0 });
    await stack.node(1, chat, { model: 'talk', endpoints: ['chat.completions'], capacity: 10 });
    await eventually(async () => (await client.models.list()).data.length === 1);
  });
  afterAll(async () => {
    await stack?.stop();
    await service?.stop();
    await database?.drop();
    await nats?.stop();
    rmSync(objects, { recursive: true, force: true });
  });

  it('are stored only where the project’s retention says so, and say whether they are', async () => {
    const unstored = (await client.responses.create({ model: 'talk', input: 'a', store: true })) as unknown as { id: string; store: boolean };
    expect(unstored.store).toBe(false);
    await expect(client.responses.retrieve(unstored.id)).rejects.toMatchObject({ status: 404 });
    await retain(3_600);
    const unwanted = (await client.responses.create({ model: 'talk', input: 'a', store: false })) as unknown as { id: string; store: boolean };
    expect(unwanted.store).toBe(false);
    await expect(client.responses.retrieve(unwanted.id)).rejects.toMatchObject({ status: 404 });
  });

  it('are given as they were told, streamed ones too, and are gone once deleted', async () => {
    const whole = await client.responses.create({ model: 'talk', input: 'a', metadata: { a: 'b' } });
    expect(await client.responses.retrieve(whole.id)).toMatchObject({ ...whole, store: true, metadata: { a: 'b' }, output_text: '1 heard' });
    const streamed = await client.responses.stream({ model: 'talk', input: 'a' }).finalResponse();
    expect(await client.responses.retrieve(streamed.id)).toMatchObject({ id: streamed.id, store: true, output_text: '1 heard', usage: { input_tokens: 5, output_tokens: 2 } });
    await client.responses.delete(whole.id);
    await expect(client.responses.retrieve(whole.id)).rejects.toMatchObject({ status: 404 });
    await expect(client.responses.delete(whole.id)).rejects.toMatchObject({ status: 404 });
    await expect(client.responses.cancel(streamed.id)).rejects.toMatchObject({ status: 400 });
  });

  it('are gone on from, without the instructions of before, and tell all that they were made from, page by page', async () => {
    const first = await client.responses.create({ model: 'talk', instructions: 'Be brief.', input: 'one' });
    const second = await client.responses.create({ model: 'talk', previous_response_id: first.id, input: [{ role: 'user', content: 'two' }] });
    expect(second).toMatchObject({ previous_response_id: first.id, output_text: '3 heard' });
    const third = await client.responses.stream({ model: 'talk', previous_response_id: second.id, input: 'three' }).finalResponse();
    expect(asked.messages).toEqual([
      ...[{ role: 'user', content: 'one' }, { role: 'assistant', content: '2 heard' }, { role: 'user', content: 'two' }, { role: 'assistant', content: '3 heard' }],
      { role: 'user', content: 'three' },
    ]);
    const said: string[] = [];
    for await (const item of client.responses.inputItems.list(third.id, { order: 'asc', limit: 2 })) said.push('content' in item && Array.isArray(item.content) && 'text' in item.content[0]! ? item.content[0].text : '?');
    expect(said).toEqual(['one', '2 heard', 'two', '3 heard', 'three']);
    expect((await client.responses.inputItems.list(third.id)).data).toHaveLength(5);
    await expect(client.responses.inputItems.list(third.id, { after: 'no' })).rejects.toMatchObject({ status: 400 });
  });

  it('hold the class of their data for what goes on from them', async () => {
    const first = await client.responses.create({ model: 'talk', input: 'a secret' }, { headers: { 'x-mizan-data-class': 'confidential' } });
    const { response } = await client.responses.create({ model: 'talk', previous_response_id: first.id, input: 'tell it' }, { headers: { 'x-mizan-data-class': 'public' } }).withResponse();
    const admitted = () => stack.records.find(({ id, type }) => id === response.headers.get('x-mizan-record') && type === 'admitted');
    await eventually(() => admitted() !== undefined);
    expect(admitted()!.facts).toMatchObject({ dataClass: 'confidential' });
  });

  it('that are not there cannot be gone on from', async () => {
    for (const previous_response_id of [`resp_${'0'.repeat(32)}`, `resp_${uuidOf(7).replaceAll('-', '')}`, 'resp_%2e']) await expect(client.responses.create({ model: 'talk', input: 'a', previous_response_id })).rejects.toMatchObject({ status: 404, param: 'previous_response_id' });
  });

  it('that cannot be stored are answered all the same, and say so', async () => {
    await service!.stop();
    service = undefined;
    try {
      expect(await client.responses.create({ model: 'talk', input: 'a' })).toMatchObject({ store: false, output_text: '1 heard' });
      expect(await client.responses.stream({ model: 'talk', input: 'a' }).finalResponse()).toMatchObject({ store: false, output_text: '1 heard' });
    } finally {
      service = await start();
    }
  });

  describe('in the background', () => {
    type Event = OpenAI.Responses.ResponseStreamEvent;
    const create = (input: string, more: object = {}, options?: OpenAI.RequestOptions): Promise<OpenAI.Responses.Response> => client.responses.create({ model: 'talk', input, background: true, ...more }, options);
    /** Polls it as clients do. */
    async function when(id: string, ...statuses: string[]): Promise<OpenAI.Responses.Response> {
      let response = await client.responses.retrieve(id);
      await eventually(async () => statuses.includes((response = await client.responses.retrieve(id)).status!));
      return response;
    }
    const ended = (id: string) => when(id, 'completed', 'incomplete', 'failed', 'cancelled');
    const eventsOf = async (id: string, after?: number): Promise<Event[]> => {
      const events: Event[] = [];
      for await (const event of await client.responses.retrieve(id, { stream: true, ...(after !== undefined && { starting_after: after }) })) events.push(event);
      return events;
    };
    const recordsOf = (id: string) => stack.records.filter(({ id: record }) => record.replaceAll('-', '') === id.slice('resp_'.length));

    it('are answered at once, run under the record that they are named by, and are polled to their end', async () => {
      const { data: made, response } = await client.responses.create({ model: 'talk', instructions: 'Be brief.', input: 'a', background: true, metadata: { a: 'b' } }).withResponse();
      expect(made).toMatchObject({ status: 'queued', background: true, store: true, output: [], metadata: { a: 'b' } });
      const whole = await ended(made.id);
      expect(whole).toMatchObject({ id: made.id, created_at: made.created_at, status: 'completed', background: true, store: true, output_text: '2 heard', usage: { input_tokens: 5, output_tokens: 2 }, metadata: { a: 'b' } });
      expect(response.headers.get('x-mizan-record')!.replaceAll('-', '')).toBe(made.id.slice('resp_'.length));
      await eventually(() => recordsOf(made.id).length === 2);
      expect(recordsOf(made.id).map(({ type }) => type).sort()).toEqual(['admitted', 'completed']);
      expect((await client.responses.inputItems.list(made.id)).data).toHaveLength(1);
      expect(await client.responses.create({ model: 'talk', input: 'b', previous_response_id: made.id })).toMatchObject({ output_text: '3 heard' });
      expect(await client.responses.cancel(made.id)).toMatchObject({ status: 'completed', output: whole.output });
    });

    it('are told by their events, again and from any of them on, also by another gateway while they run', async () => {
      const other = await stack.another({ BACKGROUND_RESPONSES_MAX: '0' });
      const elsewhere = new OpenAI({ baseURL: `${other.url}/v1`, apiKey: client.apiKey, maxRetries: 0 });
      const { id } = await create('At length.');
      const heard: Event[] = [];
      const following = (async () => {
        for await (const event of await elsewhere.responses.retrieve(id, { stream: true })) heard.push(event);
      })();
      await eventually(() => heard.some(({ type }) => type === 'response.output_text.delta'));
      expect((await client.responses.retrieve(id)).status).toBe('in_progress');
      await expect(client.responses.create({ model: 'talk', input: 'b', previous_response_id: id })).rejects.toMatchObject({ status: 400, param: 'previous_response_id' });
      finish();
      await following;
      expect(heard.map(({ sequence_number: number }) => number)).toEqual(heard.map((_event, n) => n));
      expect(heard.map(({ type }) => type).slice(0, 3)).toEqual(['response.created', 'response.queued', 'response.in_progress']);
      expect(heard.at(-1)).toMatchObject({ type: 'response.completed', response: { id, status: 'completed' } });
      expect(await eventsOf(id)).toEqual(heard);
      expect(await eventsOf(id, 3)).toEqual(heard.slice(4));
      expect(await eventsOf(id, heard.length - 1)).toEqual([]);
      const replayed = client.responses.stream({ response_id: id, starting_after: 3 });
      expect((await replayed.finalResponse()).output_text).toBe('Slowly said');
    });

    it('are streamed as they are made, and go on when their client has gone', async () => {
      const stream = await client.responses.create({ model: 'talk', input: 'At length.', background: true, stream: true });
      const heard: Event[] = [];
      for await (const event of stream) {
        heard.push(event);
        if (event.type === 'response.output_text.delta') break;
      }
      const { id } = (heard[0] as Extract<Event, { type: 'response.created' }>).response;
      finish();
      expect((await ended(id)).output_text).toBe('Slowly said');
      const all = await eventsOf(id);
      expect(all.slice(0, heard.length)).toEqual(heard);
      expect(all[heard.length]).toMatchObject({ type: 'response.output_text.delta', delta: 'said' });
    });

    it('are cancelled on their machine, at whichever gateway, and cost what was produced; cancelled twice is cancelled once', async () => {
      const other = await stack.another({ BACKGROUND_RESPONSES_MAX: '0' });
      const elsewhere = new OpenAI({ baseURL: `${other.url}/v1`, apiKey: client.apiKey, maxRetries: 0 });
      const { id } = await create('At length.');
      await eventually(async () => (await client.responses.retrieve(id)).status === 'in_progress' && recordsOf(id).length === 1);
      expect(await elsewhere.responses.cancel(id)).toMatchObject({ id, status: 'cancelled' });
      const completed = () => recordsOf(id).find(({ type }) => type === 'completed');
      await eventually(() => completed() !== undefined);
      expect(completed()!.facts).toMatchObject({ outcome: 'cancelled', usage: { outputTokens: 1 } });
      const events = await eventsOf(id);
      expect(events.at(-1)).toMatchObject({ type: 'response.incomplete', response: { id, status: 'cancelled', output: [{ content: [{ text: 'Slowly ' }] }] } });
      expect((await client.responses.cancel(id)).status).toBe('cancelled');
      expect(await client.responses.retrieve(id)).toMatchObject({ status: 'cancelled', output_text: 'Slowly ' });
    });

    it('end as failed with the reason, where a direct request would have had an error', async () => {
      await stack.limit('project', project, { responseSeconds: 3_600, models: [] });
      try {
        await eventually(() => client.responses.create({ model: 'talk', input: 'a' }).then(() => false, (error: { code?: string }) => error.code === 'MODEL_NOT_ALLOWED'));
        const { id } = await create('a');
        expect(await ended(id)).toMatchObject({ status: 'failed', error: { code: 'server_error', message: expect.stringContaining('MODEL_NOT_ALLOWED') }, output: [] });
        expect((await eventsOf(id)).at(-1)).toMatchObject({ type: 'response.failed', response: { status: 'failed' } });
      } finally {
        await retain(3_600);
      }
    });

    it('are made once for one Idempotency-Key', async () => {
      const before = runs;
      const named = () => create('a', {}, { headers: { 'idempotency-key': 'background-1' } });
      const [first, second] = [await named(), await named()];
      expect(second.id).toBe(first.id);
      await ended(first.id);
      expect(runs).toBe(before + 1);
    });

    it('are deleted while they run, and their machine is stopped', async () => {
      const { id } = await create('At length.');
      await eventually(() => recordsOf(id).length === 1);
      await client.responses.delete(id);
      for (const asked of [client.responses.retrieve(id), client.responses.cancel(id), eventsOf(id)]) await expect(asked).rejects.toMatchObject({ status: 404 });
      await eventually(() => recordsOf(id).some(({ type }) => type === 'completed'));
    });

    it('survive a restart of the scheduler', async () => {
      const { id } = await create('At length.');
      await eventually(() => recordsOf(id).length === 1);
      await service!.stop();
      finish();
      service = await start();
      expect((await ended(id)).output_text).toBe('Slowly said');
      await eventually(() => recordsOf(id).length === 2);
    });

    it.each<[string, () => Promise<unknown>, number, string | null]>([
      ['one that is not to be stored', () => create('a', { store: false }), 400, 'store'],
      ['one for a model that nobody has', () => create('a', { model: 'none' }), 404, 'model'],
      ['one with two tools of a name', () => create('a', { tools: [1, 2].map(() => ({ type: 'function', name: 'f', parameters: {}, strict: null })) }), 400, 'tools.1.function.name'],
      ['one of more text than a request may have', () => create('a', { instructions: 'x'.repeat(5 * 1024 * 1024) }), 413, null],
      ['a background that is none', () => create('a', { background: 'yes' }), 400, 'background'],
      ['events of one that ran at once', async () => eventsOf((await client.responses.create({ model: 'talk', input: 'a' })).id), 400, 'stream'],
      ['the end of one that ran at once', async () => client.responses.cancel((await client.responses.create({ model: 'talk', input: 'a' })).id), 400, null],
      ['events after something that is no number', () => eventsOf(`resp_${uuidOf(7).replaceAll('-', '')}`, 'x' as never), 400, 'starting_after'],
      ['events of one that is not there', () => eventsOf(`resp_${uuidOf(7).replaceAll('-', '')}`), 404, null],
    ])('are refused: %s', async (_what, act, status, param) => {
      await expect(act()).rejects.toMatchObject({ status, param });
    });

    it('are refused where the project stores nothing', async () => {
      await retain(null);
      await expect(create('a')).rejects.toMatchObject({ status: 400, param: 'background', message: expect.stringContaining('responseSeconds') });
      await retain(3_600);
    });
  });
});
