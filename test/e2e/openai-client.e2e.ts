import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import OpenAI from 'openai';
import { openReceipt } from '#protocol';
import { eventually } from './eventually.js';
import { MediaEngine } from './media-engine.js';
import { oneStack } from './one-stack.js';
import { OutsideNode } from './outside-node.js';
import { embed, embeddedModel, recordIn, recordOf } from './requests.js';
import { stackMs } from './standalone-stack.js';
import type { StandaloneStack } from './standalone-stack.js';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const text = 'The scales do not lie.';

let stack: StandaloneStack;
let client: OpenAI;

beforeAll(async () => {
  stack = await oneStack();
  client = new OpenAI({ baseURL: `${stack.run.api}/v1`, apiKey: stack.run.key });
}, stackMs);

const float32 = (vector: readonly number[]): number[] => vector.map(Math.fround);
const failureOf = (promise: Promise<unknown>): Promise<unknown> => promise.then(
  () => new Error('it succeeded'),
  (error: unknown) => error,
);

describe("OpenAI's own client, unchanged", () => {
  it('gets the same vector in base64, which it asks for by itself, and in floats, as plain HTTP does', async () => {
    const inBase64 = await client.embeddings.create({ model: embeddedModel, input: text });
    const inFloats = await client.embeddings.create({ model: embeddedModel, input: text, encoding_format: 'float' });
    const plain = await embed(stack.rest(), text);

    const vector = inBase64.data[0]!.embedding;
    expect(vector).toHaveLength(512);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 3);
    expect(float32(inFloats.data[0]!.embedding)).toEqual(vector);
    expect(float32((plain.json as OpenAI.CreateEmbeddingResponse).data[0]!.embedding)).toEqual(vector);
    expect(inBase64.usage.prompt_tokens).toBeGreaterThan(3);
    expect(inFloats.usage).toEqual(inBase64.usage);
  });

  it('embeds several texts at once, in their order, each as it would be alone', async () => {
    const inputs = ['One coin on the left.', 'زنوا بالقسطاس المستقيم', 'One coin on the right.'];
    const together = await client.embeddings.create({ model: embeddedModel, input: inputs });
    expect(together.data.map(({ index }) => index)).toEqual([0, 1, 2]);
    for (const [index, input] of inputs.entries()) {
      const alone = await client.embeddings.create({ model: embeddedModel, input });
      const [a, b] = [together.data[index]!.embedding, alone.data[0]!.embedding];
      expect(Math.max(...a.map((value, at) => Math.abs(value - b[at]!)))).toBeLessThan(1e-5);
    }
  });

  it('lists the models and finds one of them by name', async () => {
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toContain(embeddedModel);
    const model = await client.models.retrieve(embeddedModel);
    expect(model).toEqual({ id: embeddedModel, object: 'model', created: expect.any(Number), owned_by: 'mizan' });
    expect(Math.abs(model.created * 1_000 - Date.now())).toBeLessThan(3_600_000);
  });

  it('finds the id of the request and of its record on the answer', async () => {
    const { data, response, request_id } = await client.embeddings.create({ model: embeddedModel, input: text }).withResponse();
    expect(data.object).toBe('list');
    expect(request_id).toMatch(uuid);
    expect(response.headers.get('x-request-id')).toBe(request_id);
    expect(response.headers.get('x-mizan-record')).toMatch(uuid);
  });

  it.each<[string, new (...args: never[]) => Error, number, string, () => Promise<unknown>]>([
    ['an unknown model', OpenAI.NotFoundError, 404, 'MODEL_NOT_FOUND', () => client.embeddings.create({ model: 'no-such-model', input: text })],
    ['an unknown model by name', OpenAI.NotFoundError, 404, 'MODEL_NOT_FOUND', () => client.models.retrieve('vendor/no-such-model')],
    ['an empty input', OpenAI.BadRequestError, 400, 'REQUEST_INVALID', () => client.embeddings.create({ model: embeddedModel, input: '' })],
    ['a wrong key', OpenAI.AuthenticationError, 401, 'API_KEY_INVALID', () => client.withOptions({ apiKey: 'sk-of-somebody-else' }).embeddings.create({ model: embeddedModel, input: text })],
    ['what the policy refuses', OpenAI.PermissionDeniedError, 403, 'POLICY_DENIED', () => client.embeddings.create({ model: embeddedModel, input: text }, { headers: { 'x-mizan-data-class': 'restricted' } })],
    ['a stream of a model that gives no text', OpenAI.NotFoundError, 404, 'MODEL_NOT_FOUND', () => client.chat.completions.create({ model: embeddedModel, messages: [{ role: 'user', content: text }], stream: true })],
  ])('throws its own class for %s, with a stable code and the id of the request', async (_what, kind, status, code, act) => {
    const error = await failureOf(act());
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ status, code, requestID: expect.stringMatching(uuid) });
  });
});

describe("OpenAI's own client, before machines that judge, paint, listen and speak", () => {
  const engine = new MediaEngine();
  let node: OutsideNode | undefined;
  const answered = async <T>(request: { withResponse(): Promise<{ data: T; response: Response }> }): Promise<{ data: T; completed: Awaited<ReturnType<typeof recordOf>>['completed'] }> => {
    const { data, response } = await request.withResponse();
    return { data, completed: (await recordOf(stack.rest(), response.headers.get('x-mizan-record')!)).completed };
  };

  beforeAll(async () => {
    const url = await engine.listen();
    node = await OutsideNode.join(stack, 'media', { input: '2', output: '4' }, 'my-voice', ['--engine', url, '--model-endpoints', 'judge=moderations,brush=images.generations,my-voice=audio.speech', '--price-meters', 'images=0.04,audio_ms=0.0001']);
    for (const model of ['judge', 'brush', 'whisper-tiny']) await eventually(`the model ${model}`, () => client.models.retrieve(model));
  });
  afterAll(async () => {
    await node?.stop();
    engine.close();
  });

  it('is told what a text is judged to be', async () => {
    const { data, completed } = await answered(client.moderations.create({ model: 'judge', input: [text, text] }));
    expect(data.results[0]!.flagged).toBe(true);
    expect(completed).toMatchObject({ outcome: 'ok', usageSource: 'estimated', usage: { inputTokens: 12, outputTokens: 0 }, chargeNanos: '24000' });
    expect(engine.requests.at(-1)).toMatchObject({ path: '/v1/moderations', body: { model: 'judge', input: [text, text] } });
  });

  it('is given pictures as bytes, or as URLs that hold them', async () => {
    const { data, completed } = await answered(client.images.generate({ model: 'brush', prompt: 'Scales.', n: 2, size: '512x512', style: 'natural' }));
    expect(data.data!.map((picture) => Buffer.from(picture.b64_json!, 'base64').includes('a painted scale'))).toEqual([true, true]);
    expect(engine.requests.at(-1)!.body).toMatchObject({ size: '512x512', style: 'natural', response_format: 'b64_json' });
    // Two tokens of a prompt, 2,048 of pictures, and the pictures themselves.
    expect(completed).toMatchObject({ usage: { inputTokens: 2, outputTokens: 2 * 32 * 32, meters: { images: 2 } }, receipt: expect.anything(), chargeNanos: String(2 * 2_000 + 2_048 * 4_000 + 2 * 40_000_000) });
    const inUrl = await client.images.generate({ model: 'brush', prompt: 'Scales.', response_format: 'url' });
    expect(inUrl.data![0]!.url).toMatch(/^data:image\/png;base64,/);
  });

  it('is given what a recording says, in the form it asks for', async () => {
    const recording = (): File => new File([Buffer.alloc(300_000, 7)], 'geheim.MP3', { type: 'audio/mpeg' });
    const { data, completed } = await answered(client.audio.transcriptions.create({ model: 'whisper-tiny', file: recording(), language: 'en', timestamp_granularities: ['word'], response_format: 'json' }));
    expect(data.text).toBe(text);
    expect(completed).toMatchObject({ usageSource: 'estimated', usage: { inputTokens: 30, outputTokens: 6, meters: { audio_ms: 3_000 } }, chargeNanos: String(30 * 2_000 + 6 * 4_000 + 3 * 100_000) });
    expect(engine.requests.at(-1)!.body).toMatchObject({ model: 'whisper-tiny', language: 'en', 'timestamp_granularities[]': 'word', file: { name: 'recording.mp3' } });
    expect((engine.requests.at(-1)!.body['file'] as { bytes: Buffer }).bytes.equals(Buffer.alloc(300_000, 7))).toBe(true);
    expect(await client.audio.transcriptions.create({ model: 'whisper-tiny', file: recording(), response_format: 'srt' })).toContain(`--> 00:00:01,000\n${text}`);
  });

  it('is given speech as the bytes that the machine made, as the kind of sound that it asked for', async () => {
    const { data, completed } = await answered(client.audio.speech.create({ model: 'my-voice', voice: 'alloy', input: text, response_format: 'wav' }));
    expect(data.headers.get('content-type')).toBe('audio/wav');
    expect(Buffer.from(await data.arrayBuffer()).equals(engine.sound)).toBe(true);
    expect(completed).toMatchObject({ usageSource: 'estimated', usage: { inputTokens: 6, outputTokens: 0, meters: { audio_ms: 1_500 } }, chargeNanos: String(6 * 2_000 + 150_000) });
  });

  it('costs what its meters come to: as quoted, in the usage and in the cost file', async () => {
    const [admin, developer] = [stack.rest(stack.run.adminKey), stack.rest()];
    const plan = { model: 'brush', endpoint: 'images.generations', inputTokens: 2, outputTokens: 2_048 };
    expect((await developer.send('POST', '/v1/quotes', plan)).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'meters.images' });
    expect(await developer.post('/v1/quotes', { ...plan, meters: { images: 2 } })).toMatchObject({ upperBoundNanos: '88196000', offers: [{ lines: [{ meter: 'input_tokens' }, { meter: 'output_tokens' }, { meter: 'images', quantity: 2, per: 1, priceNanos: '40000000', amountNanos: '80000000' }] }] });
    const from = Math.floor(Date.now() / 1_000) - 86_400;
    const tenant = `tenant=${stack.run.tenant}`;
    await eventually('pictures in the usage', async () => {
      const usage = await admin.get<{ data: { results: { model: string; meters?: Record<string, number> }[] }[] }>(`/v1/usage?${tenant}&start_time=${from}&bucket_width=1mo&group_by=model`);
      const used = (model: string) => usage.data.flatMap(({ results }) => results).filter((result) => result.model === model).map(({ meters }) => meters);
      expect([used('brush'), used('my-voice')]).toEqual([[{ images: 3 }], [{ audio_ms: 1_500 }]]);
      return true;
    });
    const csv = (await admin.send('GET', `/v1/costs/export?${tenant}&start_time=${from}`)).bytes.toString();
    expect(csv).toMatch(/,3,Images,0\.12,0\.04,/);
    expect(csv).toMatch(/,1\.5,Seconds,0\.00015,0\.0001,/);
  });
});

describe('the record of a request', () => {
  it('holds hashes of what was asked and answered, the receipt that the machine signed, and what was charged', async () => {
    const answer = await embed(stack.rest(), text);
    const id = recordIn(answer);
    const { admitted, completed } = await recordOf(stack.rest(), id);

    const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');
    expect(admitted?.requestHash).toBe(sha256(JSON.stringify({ model: embeddedModel, input: text })));
    expect(completed?.responseHash).toBe(sha256(answer.bytes));
    expect(completed?.usage.inputTokens).toBe((answer.json as OpenAI.CreateEmbeddingResponse).usage.prompt_tokens);

    const { data: offers } = await stack.rest().get<{ data: { node: string; publicKey: string }[] }>('/v1/offers');
    const { publicKey } = offers.find(({ node }) => node === completed!.machine.node)!;
    expect(openReceipt(completed!.receipt!, publicKey)).toMatchObject({ record: id, requestHash: admitted!.requestHash, responseHash: completed!.responseHash, usage: completed!.usage });

    const charge = await eventually(`the charge of ${id}`, () => stack.rest().get<{ amountNanos: string; record: string }>(`/v1/charges/${id}`));
    expect(charge).toMatchObject({ record: id, amountNanos: completed!.chargeNanos });
    expect(JSON.stringify({ admitted, completed })).not.toContain(text);
  });
});
