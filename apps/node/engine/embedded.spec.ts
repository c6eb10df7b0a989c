import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EmbeddedEngine } from './embedded.js';
import { embeddedModel, textCharsMax } from './embedding-request.js';

interface Answer {
  object: string;
  data: { object: string; index: number; embedding: number[] | string }[];
  model: string;
  usage: { prompt_tokens: number; total_tokens: number };
  error?: { message: string; type: string; param: string | null; code: string | null };
}

describe('the embedded engine', () => {
  let engine: EmbeddedEngine;
  const open = new AbortController().signal;
  const ask = async (fields: Record<string, unknown>, signal = open) => {
    const body = Buffer.from(JSON.stringify({ model: embeddedModel, ...fields }));
    const answer = await engine.run({ model: embeddedModel, endpoint: 'embeddings', body }, signal);
    return { ...answer, json: JSON.parse(answer.body.toString()) as Answer };
  };
  const vectorOf = (answer: { json: Answer }, index = 0): number[] => answer.json.data[index]!.embedding as number[];
  const cosine = (a: number[], b: number[]): number => a.reduce((sum, value, index) => sum + value * b[index]!, 0);

  beforeAll(async () => {
    engine = await EmbeddedEngine.start();
  });
  afterAll(() => engine.close());

  it('gives one unit vector of 512 dimensions a text and counts tokens with its own tokenizer', async () => {
    const answer = await ask({ input: 'hello world' });
    expect(answer).toMatchObject({ status: 200, contentType: 'application/json', usage: { inputTokens: 3, outputTokens: 0 } });
    expect(answer.json).toMatchObject({ object: 'list', model: embeddedModel, usage: { prompt_tokens: 3, total_tokens: 3 } });
    expect(vectorOf(answer)).toHaveLength(512);
    expect(Math.hypot(...vectorOf(answer))).toBeCloseTo(1, 5);
  });

  it('puts texts of like meaning near each other', async () => {
    const answer = await ask({ input: ['The invoice is due on Friday.', 'Please pay the bill by the end of the week.', 'Cats chase mice in the garden.'] });
    const [one, two, three] = [vectorOf(answer, 0), vectorOf(answer, 1), vectorOf(answer, 2)];
    expect(cosine(one, two)).toBeGreaterThan(cosine(one, three) + 0.1);
  });

  it('gives the same numbers as float and as base64, alone and in a batch', async () => {
    const text = 'A sentence about shipping delays.';
    const [float, base64, batch] = await Promise.all([ask({ input: text }), ask({ input: text, encoding_format: 'base64' }), ask({ input: [text, 'another '.repeat(300), text] })]);
    const bytes = Buffer.from(base64.json.data[0]!.embedding as string, 'base64');
    const decoded = Array.from({ length: 512 }, (_, index) => bytes.readFloatLE(index * 4));
    for (const other of [decoded, vectorOf(batch, 0), vectorOf(batch, 2)]) {
      other.forEach((value, index) => expect(Math.abs(value - vectorOf(float)[index]!)).toBeLessThan(1e-5));
    }
    expect(batch.usage.inputTokens).toBeGreaterThan(2 * float.usage.inputTokens);
  });

  it.each([
    [{ input: '' }, 400, 'input'],
    [{ input: ['fine', ''] }, 400, 'input'],
    [{ input: [] }, 400, 'input'],
    [{ input: [1, 2, 3] }, 400, 'input'],
    [{ input: [[1, 2], [3]] }, 400, 'input'],
    [{}, 400, 'input'],
    [{ input: 'x'.repeat(textCharsMax + 1) }, 400, 'input'],
    [{ input: 'x', dimensions: 256 }, 400, 'dimensions'],
    [{ input: 'x', encoding_format: 'hex' }, 400, 'encoding_format'],
    [{ input: 'x', model: 'other' }, 404, 'model'],
  ])('refuses %# with a readable error and no usage', async (fields, status, param) => {
    const answer = await ask(fields);
    expect(answer).toMatchObject({ status, usage: { inputTokens: 0, outputTokens: 0 } });
    expect(answer.json.error).toMatchObject({ type: 'invalid_request_error', param });
  });

  it('refuses what is not JSON', async () => {
    expect(await engine.run({ model: embeddedModel, endpoint: 'embeddings', body: Buffer.from('{') }, open)).toMatchObject({ status: 400 });
  });

  it('reads strange texts: spaces, emoji, unpaired surrogates, another script', async () => {
    const answer = await ask({ input: [' ', '🫠🫠', '\ud800', 'ميزان', '\n\n'] });
    expect(answer.json.data.map(({ embedding }) => Math.hypot(...(embedding as number[])))).toEqual(Array.from({ length: 5 }, () => expect.closeTo(1, 4)));
  });

  it('leaves the loop of the node free while it works', async () => {
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    await ask({ input: Array.from({ length: 40 }, (_, index) => `Sentence ${index} has a few words. `.repeat(20)) });
    delay.disable();
    expect(delay.percentile(50) / 1e6).toBeLessThan(100);
  });

  it('drops a job that nobody waits for and goes on with the next', async () => {
    const cancel = new AbortController();
    const long = ask({ input: Array.from({ length: 500 }, (_, index) => `${index} ${'word '.repeat(300)}`) }, cancel.signal);
    setTimeout(() => cancel.abort(new Error('gone')), 50);
    await expect(long).rejects.toThrow('gone');
    expect(await ask({ input: 'short' })).toMatchObject({ status: 200 });
  });
});
