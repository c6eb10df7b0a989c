import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import OpenAI from 'openai';
import { eventually, GatewayStack } from '../../apps/gateway/gateway-harness.js';
import { uuidOf } from '../../apps/gateway/examples.js';
import { scheduler } from '../../apps/scheduler/scheduler.service-definition.js';
import { migrate, runService } from '#service';
import type { RunningService } from '#service';
import { createTestDatabase, testNats } from '#testing';
import type { TestDatabase, TestNats } from '#testing';
import type { NodeJobInput, NodeJobOutput } from '#wire';

jest.setTimeout(60_000);

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
  let client: OpenAI;
  let asked: Chat;
  const project = uuidOf(3);

  /** Answers with how many messages it was given. */
  async function chat({ body }: NodeJobInput): Promise<NodeJobOutput> {
    asked = JSON.parse(body.toString()) as Chat;
    const content = `${asked.messages.length} heard`;
    const about = { id: 'c', created: 1_700_000_000, model: 'talk' };
    const tokens = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };
    const usage = { inputTokens: 5, outputTokens: 2 };
    if (!asked.stream) return { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify({ ...about, object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }], usage: tokens })), usage };
    async function* events(): AsyncGenerator<Buffer> {
      yield Buffer.from(`data: ${JSON.stringify({ ...about, choices: [{ index: 0, delta: { content }, finish_reason: 'stop' }] })}\n\ndata: ${JSON.stringify({ choices: [], usage: tokens })}\n\ndata: [DONE]\n\n`);
    }
    return { status: 200, contentType: 'text/event-stream', body: events(), usage: Promise.resolve(usage) };
  }
  const retain = async (responseSeconds: number | null): Promise<void> => {
    await stack.limit('project', project, { responseSeconds });
    await eventually(async () => (await client.responses.create({ model: 'talk', input: 'is it stored?' }) as unknown as { store: boolean }).store === (responseSeconds !== null));
  };
  const start = (): Promise<RunningService> =>
    runService(scheduler, {
      ...{ NATS_URL: nats.url, LOG_LEVEL: 'fatal', NATS_CREDS: nats.credentialFiles.scheduler, DATABASE_URL: database.url },
      SCHEDULER_ACCOUNT_PUBLIC_KEY: nats.operator.account,
      SCHEDULER_ACCOUNT_SIGNING_SEED: nats.operator.seeds.accountSigning,
      SCHEDULER_OPERATOR_SEED: nats.operator.seeds.operator,
      SCHEDULER_SYSTEM_CREDS: nats.credentialFiles.system,
      SCHEDULER_MASTER_KEY: '7'.repeat(64),
      OBJECTS_DIRECTORY: objects,
    });

  beforeAll(async () => {
    objects = mkdtempSync(join(tmpdir(), 'mizan-responses-'));
    [nats, database] = await Promise.all([testNats(), createTestDatabase({ service: 'scheduler' })]);
    await migrate(scheduler, database.ownerUrl);
    service = await start();
    stack = await GatewayStack.start(nats);
    client = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: await stack.key('developer'), maxRetries: 0 });
    await stack.node(1, chat, { model: 'talk', endpoints: ['chat.completions'], capacity: 10 });
    await eventually(async () => (await client.models.list()).data.length === 1);
  }, 300_000);
  afterAll(async () => {
    await stack?.stop();
    await service?.stop();
    await database?.drop();
    await nats?.stop();
    rmSync(objects, { recursive: true, force: true });
  }, 300_000);

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
});
