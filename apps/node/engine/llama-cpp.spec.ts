import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type OpenAI from 'openai';
import type { Endpoint } from '#protocol';
import { EventReader, isDone } from '#protocol';
import type { EngineAnswer } from './engine.js';
import { LlamaCppEngine } from './llama-cpp.js';
import { tinyGguf } from './tiny-gguf.js';

type Chunk = OpenAI.ChatCompletionChunk & { choices: { text?: string }[] };

async function wholeBody({ body }: EngineAnswer): Promise<string> {
  if (Buffer.isBuffer(body)) return body.toString();
  const pieces: Buffer[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

describe('llama.cpp with a tiny model', () => {
  let directory: string;
  let engine: LlamaCppEngine;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'llama-'));
    writeFileSync(join(directory, 'tiny.gguf'), tinyGguf());
    engine = await LlamaCppEngine.start(join(directory, 'tiny.gguf'), 2);
  });
  afterAll(async () => {
    await engine.close();
    rmSync(directory, { recursive: true });
  });

  const run = (body: object, endpoint: Endpoint = 'chat.completions', signal = new AbortController().signal): Promise<EngineAnswer> =>
    engine.run({ model: 'tiny', endpoint, body: Buffer.from(JSON.stringify({ model: 'tiny', temperature: 0, ...body })) }, signal);
  const messages = [{ role: 'user', content: 'Weigh this.' }];
  const whole = async (body: object, endpoint?: Endpoint): Promise<OpenAI.ChatCompletion & { choices: { text?: string }[] }> => JSON.parse(await wholeBody(await run(body, endpoint))) as never;
  async function chunksOf(answer: EngineAnswer): Promise<{ chunks: Chunk[]; done: boolean }> {
    const reader = new EventReader();
    const chunks: Chunk[] = [];
    let done = false;
    for await (const piece of answer.body as AsyncIterable<Buffer>) {
      for (const { data } of reader.take(piece)) {
        if (isDone(data)) done = true;
        else chunks.push(JSON.parse(data.toString()) as Chunk);
      }
    }
    return { chunks, done };
  }

  it('is the same file for the same seed, half a megabyte', () => {
    expect(tinyGguf().equals(tinyGguf())).toBe(true);
    expect(tinyGguf(2).equals(tinyGguf())).toBe(false);
    expect(tinyGguf().length).toBeLessThan(600_000);
  });

  it('says the same whole and streamed, in OpenAI’s shapes, and counts its own tokens', async () => {
    expect(await engine.models()).toEqual([{ model: 'tiny', endpoints: ['chat.completions', 'completions'] }]);
    const answer = await whole({ messages, max_tokens: 20 });
    const said = answer.choices[0]!.message.content!;
    expect(said).toMatch(/^[\x20-\x7e]{20}$/);
    expect(answer).toMatchObject({ object: 'chat.completion', choices: [{ finish_reason: 'length' }], usage: { completion_tokens: 20 } });

    const streamed = await run({ messages, max_tokens: 20, stream: true, stream_options: { include_usage: true } });
    const { chunks, done } = await chunksOf(streamed);
    expect(done).toBe(true);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(said);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks[0]!.choices[0]!.delta.role).toBe('assistant');
    expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe('length');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: answer.usage });
    expect(await streamed.usage).toEqual({ inputTokens: answer.usage!.prompt_tokens, outputTokens: 20 });
  });

  it('completes a text, and hides its usage when nobody asks', async () => {
    const answer = await whole({ prompt: 'Once', max_tokens: 8 }, 'completions');
    expect(answer).toMatchObject({ object: 'text_completion', choices: [{ finish_reason: 'length' }], usage: { prompt_tokens: 5, completion_tokens: 8 } });
    const { chunks } = await chunksOf(await run({ prompt: 'Once', max_tokens: 8, stream: true }, 'completions'));
    expect(chunks.map(({ choices }) => choices[0]!.text).join('')).toBe(answer.choices[0]!.text);
    expect(chunks.some(({ usage }) => usage)).toBe(false);
  });

  it('stops before a stop sequence, whole or streamed, and pays for the tokens that made it', async () => {
    const said = (await whole({ messages, max_tokens: 30 })).choices[0]!.message.content!;
    const stop = said.slice(4, 7);
    const answer = await whole({ messages, max_tokens: 30, stop: ['zzzz', stop] });
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: said.slice(0, said.indexOf(stop)) } });
    expect(answer.usage!.completion_tokens).toBe(said.indexOf(stop) + 3);
    const { chunks } = await chunksOf(await run({ messages, max_tokens: 30, stop, stream: true }));
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(said.slice(0, said.indexOf(stop)));
  });

  it('gives other text at another temperature and the same for the same seed', async () => {
    const warm = async (seed: number) => (await whole({ messages, max_tokens: 20, temperature: 1, seed, frequency_penalty: 0.5 })).choices[0]!.message.content;
    expect(await warm(7)).toBe(await warm(7));
    expect(await warm(7)).not.toBe(await warm(8));
  });

  it('decodes nothing ahead of its reader, stops when aborted, and says what it decoded until then', async () => {
    const cancel = new AbortController();
    const answer = await run({ messages, max_tokens: 1_000, stream: true }, 'chat.completions', cancel.signal);
    const parts = (answer.body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    for (let n = 0; n < 5; n += 1) await parts.next();
    await new Promise((resolve) => setTimeout(resolve, 100));
    cancel.abort(new Error('gone'));
    const { outputTokens } = await answer.usage;
    expect(outputTokens).toBeGreaterThanOrEqual(5);
    expect(outputTokens).toBeLessThan(10);
    await expect(parts.next()).rejects.toThrow('gone');
  });

  it('says what it decoded of a whole answer that is aborted', async () => {
    const cancel = new AbortController();
    const answer = await run({ messages, max_tokens: 1_900 }, 'chat.completions', cancel.signal);
    const reading = wholeBody(answer);
    setTimeout(() => cancel.abort(new Error('gone')), 50);
    await expect(reading).rejects.toThrow('gone');
    const { outputTokens } = await answer.usage;
    expect(outputTokens).toBeGreaterThan(0);
    expect(outputTokens).toBeLessThan(1_900);
  });

  it('runs as many at once as it has places, and the next when one is free', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, (_, n) => whole({ messages: [{ role: 'user', content: `Number ${n}` }], max_tokens: 12 })));
    const alone = await whole({ messages: [{ role: 'user', content: 'Number 3' }], max_tokens: 12 });
    expect(answers[3]!.choices[0]!.message.content).toBe(alone.choices[0]!.message.content);
  });

  it.each<[string, object]>([
    ['messages', { messages: [{ role: 'user', content: 'x'.repeat(4_000) }] }],
    ['messages.0.content', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }] }],
    ['messages.0.role', { messages: [{ role: 'tool', content: 'x' }] }],
    ['tools', { messages, tools: [{ type: 'function' }] }],
    ['n', { messages, n: 2 }],
    ['logprobs', { messages, logprobs: true }],
    ['response_format.type', { messages, response_format: { type: 'json_object' } }],
  ])('refuses what it cannot do, naming %s', async (param, body) => {
    const answer = await run(body);
    expect(answer.status).toBe(400);
    expect((JSON.parse(await wholeBody(answer)) as { error: { param: string } }).error.param).toMatch(new RegExp(`^${param.replace('.content', '')}`));
  });

  it('is ENGINE_FAILED for a file that is no model', async () => {
    writeFileSync(join(directory, 'bad.gguf'), 'GGUF');
    await expect(LlamaCppEngine.start(join(directory, 'bad.gguf'), 1)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  });
});
