import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { limits, openRecordBody } from '#protocol';
import type { AdmittedFacts, AnswerRules, CompletedFacts, OfferEntry, Usage } from '#protocol';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import type { NodeJobInput, NodeJobOutput } from '#wire';
import { sealKeys, uuidOf } from '../examples.js';
import { eventually, GatewayStack } from '../gateway-harness.js';
import { sendRaw } from '../http/raw-http.js';

const project = uuidOf(3);
const heard = 'Write to erika@example.org now.';
const usage = { inputTokens: 5, outputTokens: 6 };


describe('judgements, pictures, recordings and speech', () => {
  let nats: TestNats;
  let stack: GatewayStack;
  let client: OpenAI;
  let key: string;
  const jobs: NodeJobInput[] = [];

  async function machine(job: NodeJobInput): Promise<NodeJobOutput> {
    jobs.push(job);
    const asked = JSON.parse(job.body.toString()) as { prompt?: string; response_format?: string };
    const json = (body: unknown, outputTokens = usage.outputTokens): NodeJobOutput => ({ status: 200, contentType: 'text/html', body: Buffer.from(JSON.stringify(body)), usage: { ...usage, outputTokens } });
    switch (job.endpoint) {
      case 'moderations':
        return json({ id: 'm', model: 'judge', results: [{ flagged: false, categories: {}, category_scores: {} }] }, 0);
      case 'images.generations':
        return asked.prompt === 'elsewhere' ? json({ created: 1, data: [{ url: 'http://tracker.example/p.png' }] }) : json({ created: 1, data: [{ b64_json: 'AAAA', url: 'http://tracker.example/p.png', revised_prompt: heard }] });
      case 'audio.transcriptions':
        if (asked.response_format === 'text') return { status: 200, contentType: 'text/html', body: Buffer.from(heard), usage };
        return json({ text: heard, duration: 2, segments: [{ text: heard }], words: [{ word: 'erika@example.org' }] });
      default:
        return { status: 200, contentType: 'text/html', body: Buffer.from([0, 255, 1]), usage: { ...usage, outputTokens: 0 } };
    }
  }

  beforeAll(async () => {
    nats = await testNats();
    stack = await GatewayStack.start(nats);
    key = await stack.key('developer');
    client = new OpenAI({ baseURL: `${stack.url}/v1`, apiKey: key, maxRetries: 0 });
    const endpoints = ['moderations', 'images.generations', 'audio.transcriptions', 'audio.speech'] as const;
    await stack.node(1, machine, { model: 'm', endpoints: [...endpoints], capacity: 20 });
    await eventually(async () => (await client.models.list()).data.length === 1);
  });
  afterAll(async () => {
    await stack?.stop();
    await nats?.stop();
  });

  const recording = (bytes = 10_000): File => new File([Buffer.alloc(bytes, 1)], 'call with erika@example.org.ogg');
  const recorded = async (record: string, type: 'admitted' | 'completed') => {
    await eventually(() => stack.records.filter(({ id }) => id === record).length === 2);
    const entry = stack.records.find((one) => one.id === record && one.type === type)!;
    return { facts: entry.facts, fields: openRecordBody(record, type, entry.body!, sealKeys.privateKey).fields };
  };
  const recordOf = ({ headers }: Response): string => headers.get('x-mizan-record')!;
  async function rules(answers: AnswerRules | null, seen: () => Promise<boolean>): Promise<void> {
    await stack.limit('project', project, { answers });
    await eventually(seen);
  }
  const transcribe = async (): Promise<string> => client.audio.transcriptions.create({ model: 'm', file: recording(), response_format: 'text' });

  it.each<[string, () => { asResponse(): Promise<Response> }, string]>([
    ['a text to judge', () => client.moderations.create({ model: 'm', input: heard }), 'moderations'],
    ['what is to be painted', () => client.images.generate({ model: 'm', prompt: heard }), 'images.generations'],
    ['what is to be said', () => client.audio.speech.create({ model: 'm', voice: 'v', input: heard }), 'audio.speech'],
    ['what is said of a recording', () => client.audio.transcriptions.create({ model: 'm', file: recording(), prompt: heard }), 'audio.transcriptions'],
    ["a recording's name", () => client.audio.transcriptions.create({ model: 'm', file: recording() }), 'audio.transcriptions'],
  ])('are scanned as %s, and recorded with the class that they have then', async (_what, ask, endpoint) => {
    const record = recordOf(await ask().asResponse());
    const { fields, facts } = await recorded(record, 'admitted');
    expect(fields).toMatchObject({ findings: [{ kind: 'email', count: expect.any(Number) }], dataClass: 'confidential', endpoint });
    expect(facts).toMatchObject({ endpoint, model: 'm' });
    const { facts: end } = await recorded(record, 'completed');
    expect(end).toMatchObject({ outcome: 'ok', usageSource: 'engine' });
    expect((end as CompletedFacts).chargeNanos).toBeGreaterThan(0n);
    expect((end as CompletedFacts).receipt).not.toBeNull();
    // Of a file's name machines see its ending alone.
    expect(jobs.at(-1)!.body.toString()).not.toContain('call with');
  });

  it('are told as what was asked for, whatever a machine calls them, and never where a machine keeps them', async () => {
    const types = async (ask: { asResponse(): Promise<Response> }): Promise<string | null> => (await ask.asResponse()).headers.get('content-type');
    expect(await types(client.audio.speech.create({ model: 'm', voice: 'v', input: 'a' }))).toBe('audio/mpeg');
    expect(await types(client.audio.transcriptions.create({ model: 'm', file: recording(), response_format: 'srt' }))).toBe('text/plain; charset=utf-8');
    expect(await client.audio.transcriptions.create({ model: 'm', file: recording() })).toMatchObject({ text: heard });
    expect((await client.images.generate({ model: 'm', prompt: 'a' })).data).toEqual([{ b64_json: 'AAAA', revised_prompt: heard }]);
    await expect(client.images.generate({ model: 'm', prompt: 'elsewhere' })).rejects.toMatchObject({ status: 503, code: 'NODE_PROTOCOL' });
  });

  describe('where the price is by pictures and by time', () => {
    let claimed: Usage['meters'];
    const [picture, seconds] = [40_000_000n, 100_000n];
    /** Samples of 24 kHz, 16 bit: what `pcm` is. */
    const spoken = Buffer.alloc(48 * 1_500, 1);

    beforeAll(async () => {
      const byMeter = ({ endpoint }: NodeJobInput): NodeJobOutput => {
        const body = endpoint === 'audio.speech' ? spoken : Buffer.from(JSON.stringify(endpoint === 'images.generations' ? { created: 1, data: [{ b64_json: 'AAAA' }] } : { text: 'a' }));
        return { status: 200, contentType: 'text/html', body, usage: { inputTokens: 0, outputTokens: 0, ...(claimed && { meters: claimed }) } };
      };
      const offer = { model: 'by-meter', endpoints: ['images.generations', 'audio.transcriptions', 'audio.speech'] as OfferEntry['endpoints'], capacity: 20 };
      await stack.node(2, (job) => Promise.resolve(byMeter(job)), offer);
      const held = await stack.bucket('offers');
      await stack.offer(2, JSON.parse(Object.values(held).find((text) => text.includes('by-meter'))!) as OfferEntry, 0n, { images: picture, audio_ms: seconds });
      await eventually(async () => (await client.models.list()).data.some(({ id }) => id === 'by-meter'));
    });

    const paint = () => client.images.generate({ model: 'by-meter', prompt: 'a', n: 2 });
    const speak = () => client.audio.speech.create({ model: 'by-meter', voice: 'v', input: 'Good morning.', response_format: 'pcm' });
    const listen = () => client.audio.transcriptions.create({ model: 'by-meter', file: recording(5_000) });

    it.each<[string, Usage['meters'], () => { asResponse(): Promise<Response> }, bigint, bigint]>([
      ['the pictures that were made, of those that were asked for', { images: 1 }, paint, picture, 2n * picture],
      ['the time of speech', { audio_ms: 1_500 }, speak, (seconds * 3n) / 2n, (seconds * 8_500n) / 1_000n],
      ['the time of a recording', { audio_ms: 2_500 }, listen, (seconds * 5n) / 2n, seconds * 10n],
      ['nothing that a machine does not ask for', undefined, paint, 0n, 2n * picture],
    ])('cost %s, and hold the most that it can be', async (_what, meters, ask, chargeNanos, holdNanos) => {
      claimed = meters;
      const record = recordOf(await ask().asResponse());
      expect((await recorded(record, 'completed')).facts).toMatchObject({ chargeNanos, usage: { inputTokens: 0, ...(meters && { meters }) } });
      const { facts, fields } = await recorded(record, 'admitted');
      expect([(facts as AdmittedFacts).holdNanos, fields['price']]).toEqual([holdNanos, expect.objectContaining({ meters: { images: String(picture), audio_ms: String(seconds) } })]);
    });

    it.each<[string, Usage['meters'], () => Promise<unknown>]>([
      ['a picture that is not in the answer', { images: 2 }, () => paint()],
      ['more time than its sound has', { audio_ms: 1_501 }, () => speak()],
      ['more time than a recording can have', { audio_ms: 10_001 }, () => listen()],
      ['GPU time that nobody asked for', { images: 1, gpu_ms: 1 }, () => paint()],
    ])('are not charged for a machine that claims %s', async (_what, meters, ask) => {
      claimed = meters;
      const before = stack.records.length;
      await expect(ask()).rejects.toMatchObject({ status: 503, code: 'NODE_PROTOCOL' });
      await eventually(() => stack.records.slice(before).some(({ type }) => type === 'completed'));
      expect(stack.records.slice(before).find(({ type }) => type === 'completed')!.facts).toMatchObject({ outcome: 'failed', chargeNanos: 0n });
    });
  });

  it('lose what rules take out of their texts', async () => {
    await rules({ email: 'redact' }, async () => (await transcribe()) === 'Write to [e-mail] now.');
    const { data, response } = await client.audio.transcriptions.create({ model: 'm', file: recording(), response_format: 'verbose_json', timestamp_granularities: ['word'] }).withResponse();
    expect(data).toEqual({ text: 'Write to [e-mail] now.', duration: 2 });
    expect((await recorded(recordOf(response), 'completed')).facts).toMatchObject({ answerFindings: [{ kind: 'email', count: 1, action: 'redact' }] });
    expect((await client.images.generate({ model: 'm', prompt: 'a' })).data![0]!.revised_prompt).toBe('Write to [e-mail] now.');
    expect(Buffer.from(await (await client.audio.speech.create({ model: 'm', voice: 'v', input: 'a' })).arrayBuffer())).toEqual(Buffer.from([0, 255, 1]));
    await rules(null, async () => (await transcribe()) === heard);
  });

  it('run once under an Idempotency-Key, of a recording too', async () => {
    const ask = (bytes: number) => client.audio.transcriptions.create({ model: 'm', file: recording(bytes) }, { headers: { 'idempotency-key': 'once' } }).asResponse();
    const first = await ask(9_000);
    const before = jobs.length;
    const again = await ask(9_000);
    expect([again.headers.get('idempotency-replayed'), recordOf(again), jobs.length]).toEqual(['true', recordOf(first), before]);
    await expect(ask(9_001)).rejects.toMatchObject({ status: 409, code: 'IDEMPOTENCY_MISMATCH' });
  });

  const form = (parts: Record<string, string | Blob>): FormData => {
    const made = new FormData();
    for (const [name, value] of Object.entries(parts)) made.append(name, value);
    return made;
  };
  const post = (path: string, body: FormData | object) =>
    fetch(`${stack.url}/v1/${path}`, { method: 'POST', headers: { authorization: `Bearer ${key}`, ...(body instanceof FormData ? {} : { 'content-type': 'application/json' }) }, body: body instanceof FormData ? body : JSON.stringify(body) });

  it.each<[string, () => Promise<Response>, number, string | null]>([
    ['an unknown model', () => post('audio/transcriptions', form({ model: 'x', file: recording() })), 404, 'model'],
    ['a form without a file', () => post('audio/transcriptions', form({ model: 'm' })), 400, 'file'],
    ['an empty recording', () => post('audio/transcriptions', form({ model: 'm', file: recording(0) })), 400, 'file'],
    ['a form without a model', () => post('audio/transcriptions', form({ file: recording() })), 400, 'model'],
    ['a form that redirects', () => post('audio/transcriptions', form({ model: 'm', file: recording(), api_base: 'http://x' })), 400, 'api_base'],
    ['a stream of a transcription', () => post('audio/transcriptions', form({ model: 'm', file: recording(), stream: 'true' })), 400, 'stream'],
    ['a broken form', () => fetch(`${stack.url}/v1/audio/transcriptions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'multipart/form-data; boundary=x' }, body: '--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\nhalf' }), 400, null],
    ['no form', () => post('audio/transcriptions', { model: 'm' }), 415, 'content-type'],
    ['a recording over the limit', () => post('audio/transcriptions', form({ model: 'm', file: recording(limits.recordingBytesMax + 1) })), 413, 'file'],
    ['a picture to judge', () => post('moderations', { model: 'm', input: [{ type: 'image_url', image_url: { url: 'http://x' } }] }), 400, 'input'],
    ['eleven pictures', () => post('images/generations', { model: 'm', prompt: 'a', n: 11 }), 400, 'n'],
    ['a picture without end', () => post('images/generations', { model: 'm', prompt: 'a', size: '9000x9000' }), 400, 'size'],
    ['4,097 characters to say', () => post('audio/speech', { model: 'm', voice: 'v', input: 'a'.repeat(4_097) }), 400, 'input'],
    ['sound as events', () => post('audio/speech', { model: 'm', voice: 'v', input: 'a', stream_format: 'sse' }), 400, 'stream_format'],
  ])('are refused in OpenAI’s shape: %s', async (_what, ask, status, param) => {
    const response = await ask();
    expect({ status: response.status, ...((await response.json()) as { error: object }).error }).toMatchObject({ status, param, message: expect.any(String) });
  });

  it('are refused before their end without the connection: a client that still sends sees the answer, and asks again', async () => {
    const body = Buffer.from(`--x\r\nContent-Disposition: form-data; name="language"\r\n\r\n${'a'.repeat(2_000_000)}\r\n--x--\r\n`);
    const head = (line: string, more: string): Buffer => Buffer.from(`${line} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${key}\r\n${more}\r\n\r\n`);
    const { status, body: refusal, text } = await sendRaw(stack.url, [
      head('POST /v1/audio/transcriptions', `content-type: multipart/form-data; boundary=x\r\ncontent-length: ${body.length}`),
      body,
      head('GET /v1/models', 'connection: close'),
    ]);
    expect({ status, refusal, statuses: text.match(/HTTP\/1\.1 \d+/g) }).toEqual({ status: 400, refusal: expect.stringContaining('"param":"language"'), statuses: ['HTTP/1.1 400', 'HTTP/1.1 200'] });
  });
});
