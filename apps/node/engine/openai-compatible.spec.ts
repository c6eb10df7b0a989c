import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { EngineAnswer } from './engine.js';
import { modelCalled } from './model-called.js';
import { OpenAiCompatibleEngine } from './openai-compatible.js';

let server: Server | undefined;
let engine: OpenAiCompatibleEngine | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  await engine?.close().catch(() => undefined);
});

/** A remote engine that answers as it is told. */
async function engineThat(answer: (request: IncomingMessage, body: string, response: ServerResponse) => void, path = ''): Promise<OpenAiCompatibleEngine> {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => answer(request, body, response));
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  engine = new OpenAiCompatibleEngine(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, 'secret');
  return engine;
}

const json = (response: ServerResponse, status: number, body: unknown): void => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const open = new AbortController().signal;
const chat = { model: 'm', endpoint: 'chat.completions' as const, body: Buffer.from('{"model":"m","messages":[]}') };

describe('an OpenAI-compatible engine', () => {
  it.each(['', '/', '/v1', '/v1/'])('is found at %s and says which models it has', async (path) => {
    const engine = await engineThat((request, _body, response) => json(response, request.url === '/v1/models' ? 200 : 404, { data: [{ id: 'llama-3' }, { id: 'nomic-embed-text' }] }), path);
    expect(await engine.models()).toEqual([
      { model: 'llama-3', endpoints: ['chat.completions', 'completions'] },
      { model: 'nomic-embed-text', endpoints: ['embeddings'] },
    ]);
  });

  it.each<[string, string]>([['omni-moderation-latest', 'moderations'], ['openai/whisper-large-v3', 'audio.transcriptions'], ['gpt-4o-mini-tts', 'audio.speech'], ['stable-diffusion-3', 'images.generations'], ['ttsx', 'chat.completions']])('takes %s by its name for a model of %s', (model, endpoint) => {
    expect(modelCalled(model).endpoints[0]).toBe(endpoint);
    expect(modelCalled(model, new Map([[model, ['embeddings'] as const]])).endpoints).toEqual(['embeddings']);
  });

  it("passes bodies as they are, with its key, and reads the engine's own usage", async () => {
    const seen: unknown[] = [];
    const engine = await engineThat((request, body, response) => {
      seen.push(request.url, request.headers.authorization, body);
      json(response, 200, { choices: [], usage: { prompt_tokens: 7, completion_tokens: 5 } });
    });
    const answer = await engine.run(chat, open);
    expect(seen).toEqual(['/v1/chat/completions', 'Bearer secret', chat.body.toString()]);
    expect(answer).toMatchObject({ status: 200, contentType: 'application/json', usage: { inputTokens: 7, outputTokens: 5 } });
    expect((answer.body as Buffer).toString()).toBe('{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5}}');
  });

  it("conformance 59: gives vLLM the organisation's salt in place of whatever a caller wrote, and no other engine either of them", async () => {
    const bodies: string[] = [];
    const plain = await engineThat((_request, body, response) => {
      bodies.push(body);
      json(response, 200, { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } });
    });
    const asked = { ...chat, body: Buffer.from('{"model":"m","messages":[],"cache_salt":"theirs"}'), cacheSalt: 'ours' };
    await plain.run(asked, open);
    const salted = new OpenAiCompatibleEngine(`http://127.0.0.1:${(server!.address() as AddressInfo).port}`, undefined, true);
    await salted.run(asked, open);
    await salted.close();
    const unsalted = Buffer.from('{"model":"m", "messages":[]}');
    await plain.run({ ...asked, body: unsalted }, open);
    expect(bodies).toEqual(['{"model":"m","messages":[]}', '{"model":"m","messages":[],"cache_salt":"ours"}', unsalted.toString()]);
  });

  it('says when an engine that limits its rate wants to be asked again', async () => {
    const engine = await engineThat((_request, _body, response) => void response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '7' }).end('{"error":{"message":"slow down"}}'));
    expect(await engine.run(chat, open)).toMatchObject({ status: 429, retryAfterMs: 7_000 });
  });

  it("passes an engine's refusal on without usage", async () => {
    const engine = await engineThat((_request, _body, response) => json(response, 422, { error: { message: 'no' } }));
    expect(await engine.run(chat, open)).toMatchObject({ status: 422, usage: { inputTokens: 0, outputTokens: 0 } });
  });

  it('is ENGINE_FAILED when it does not answer, or answers no JSON', async () => {
    const odd = await engineThat((_request, _body, response) => void response.end('<html>'));
    await expect(odd.run(chat, open)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    server!.closeAllConnections();
    await new Promise((resolve) => server!.close(resolve));
    await expect(odd.run(chat, open)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  });

  it('that says no usage is metered by an estimate, marked as one', async () => {
    const engine = await engineThat((_request, _body, response) => json(response, 200, { choices: [{ message: { content: 'two words' } }] }));
    const asked = { ...chat, body: Buffer.from('{"model":"m","messages":[{"role":"user","content":"Hi"}]}') };
    expect((await engine.run(asked, open)).usage).toEqual({ inputTokens: 9, outputTokens: 2, estimated: true });
  });

  it('conformance 36: counts cached and reasoning tokens once: they are part of what was read and written', async () => {
    const usage = { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150, prompt_tokens_details: { cached_tokens: 80, audio_tokens: 5 }, completion_tokens_details: { reasoning_tokens: 40 } };
    const engine = await engineThat((_request, _body, response) => json(response, 200, { choices: [{ message: { content: 'a' } }], usage }));
    expect((await engine.run(chat, open)).usage).toEqual({ inputTokens: 100, outputTokens: 50, meters: { cached_tokens: 80 } });
  });

  it('refuses bodies that name another model', async () => {
    const engine = await engineThat((_request, _body, response) => json(response, 500, {}));
    expect(await engine.run({ ...chat, body: Buffer.from('{"model":"expensive"}') }, open)).toMatchObject({ status: 400 });
  });

  it('serves completions at their own path', async () => {
    const engine = await engineThat((request, _body, response) => json(response, 200, { choices: [{ text: request.url }], usage: { prompt_tokens: 1, completion_tokens: 1 } }));
    const answer = await engine.run({ model: 'm', endpoint: 'completions', body: Buffer.from('{"model":"m","prompt":"a"}') }, open);
    expect((answer.body as Buffer).toString()).toContain('"/v1/completions"');
  });

  it('is interrupted when nobody waits', async () => {
    const closed = new Promise<void>((resolve) => {
      void engineThat((request) => request.socket.on('close', () => resolve())).then((engine) => {
        const cancel = new AbortController();
        setTimeout(() => cancel.abort(new Error('gone')), 50);
        return expect(engine.run(chat, cancel.signal)).rejects.toThrow('gone');
      });
    });
    await closed;
  });
});

describe('its streams', () => {
  const streaming = { ...chat, body: Buffer.from('{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}') };
  const chunk = (content: string, more = ''): string => `data: {"choices":[{"delta":{"content":${JSON.stringify(content)}}}]${more}}\r\n\r\n`;
  const events = (response: ServerResponse): ServerResponse => response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  async function read(answer: EngineAnswer, onPiece: (piece: Buffer) => void = () => undefined): Promise<string> {
    const pieces: Buffer[] = [];
    for await (const piece of answer.body as AsyncIterable<Buffer>) {
      pieces.push(piece);
      onPiece(piece);
    }
    return Buffer.concat(pieces).toString();
  }

  it('pass as they come, byte for byte, with the usage of their last chunk', async () => {
    // The engine says the rest when what it said first has been read.
    let sayTheRest!: () => void;
    const engine = await engineThat((_request, _body, response) => {
      events(response).write(chunk('Grüß'));
      sayTheRest = () => response.end(`${chunk(' Gott')}data: {"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}\n\ndata: [DONE]\n\n`);
    });
    const answer = await engine.run(streaming, open);
    const text = await read(answer, () => sayTheRest());
    expect(text).toBe(`${chunk('Grüß')}${chunk(' Gott')}data: {"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}\n\ndata: [DONE]\n\n`);
    expect(await answer.usage).toEqual({ inputTokens: 4, outputTokens: 2 });
  });

  it('without usage are metered by an estimate of their text', async () => {
    const engine = await engineThat((_request, _body, response) => void events(response).end(`${chunk('two ')}${chunk('words')}data: [DONE]\n\n`));
    const answer = await engine.run(streaming, open);
    await read(answer);
    expect(await answer.usage).toEqual({ inputTokens: 9, outputTokens: 2, estimated: true });
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['stop without saying that they have finished', (response) => void response.end(chunk('b'))],
    ['break off', (response) => setTimeout(() => response.destroy(), 20)],
    ['tell of an error', (response) => void response.end('data: {"error":{"message":"cuda"}}\n\ndata: [DONE]\n\n')],
  ])('that %s are failures, with what came before', async (_how, end) => {
    const engine = await engineThat((_request, _body, response) => {
      events(response).write(chunk('words'));
      setTimeout(() => end(response), 50);
    });
    const answer = await engine.run(streaming, open);
    let came = '';
    await expect(read(answer, (piece) => (came += piece.toString()))).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    expect(came).toContain('words');
    expect(await answer.usage).toMatchObject({ estimated: true, inputTokens: 9 });
  });

  it('are closed at the engine by the signal, and say what came until then', async () => {
    let closed!: () => void;
    const isClosed = new Promise<void>((resolve) => (closed = resolve));
    const engine = await engineThat((request, _body, response) => {
      const timer = setInterval(() => response.write(chunk('word ')), 10);
      request.socket.on('close', () => (closed(), clearInterval(timer)));
      events(response);
    });
    const cancel = new AbortController();
    const answer = await engine.run(streaming, cancel.signal);
    let came = '';
    const reading = read(answer, (piece) => {
      came += piece.toString();
      if (came.split('word').length > 3) cancel.abort(new Error('gone'));
    });
    await expect(reading).rejects.toThrow('gone');
    await isClosed;
    expect((await answer.usage).outputTokens).toBeGreaterThan(1);
  });

  it('makes the form of a recording again, and counts what an engine says no tokens of', async () => {
    const seen: string[] = [];
    const engine = await engineThat((request, body, response) => {
      seen.push(request.headers['content-type'] ?? '', body);
      if (body.includes('srt')) response.writeHead(200, { 'content-type': 'text/plain' }).end('one two three');
      else json(response, 200, { text: 'one two three', duration: '4.2' });
    });
    const asked = (more: object) => ({ model: 'm', endpoint: 'audio.transcriptions' as const, body: Buffer.from(JSON.stringify({ model: 'm', language: 'en', 'include[]': ['a', 'b'], file: { name: 'recording.wav', data: Buffer.alloc(80_000, 'x').toString('base64') }, ...more })) });
    expect((await engine.run(asked({}), open)).usage).toEqual({ inputTokens: 42, outputTokens: 3, meters: { audio_ms: 4_200 }, estimated: true });
    expect(seen[0]).toMatch(/^multipart\/form-data; boundary=/);
    expect(seen[1]!.match(/(?<= )name="[^"]*"/g)).toEqual(['name="model"', 'name="language"', 'name="include[]"', 'name="include[]"', 'name="file"']);
    expect(seen[1]).toContain(`filename="recording.wav"`);
    expect((await engine.run(asked({ response_format: 'srt' }), open)).usage).toEqual({ inputTokens: 100, outputTokens: 3, meters: { audio_ms: 10_000 }, estimated: true });
    expect(await engine.run({ ...asked({}), body: Buffer.from('{"model":"m"}') }, open)).toMatchObject({ status: 400 });
  });

  it.each<['moderations' | 'images.generations' | 'audio.speech', object, unknown, object]>([
    ['moderations', { input: 'one two' }, { results: [] }, { inputTokens: 2, outputTokens: 0, estimated: true }],
    ['images.generations', { prompt: 'one', n: 1, size: '32x16' }, { data: [{}, {}] }, { inputTokens: 1, outputTokens: 2, meters: { images: 1 }, estimated: true }],
    ['images.generations', { prompt: 'one', size: '32x16' }, { data: [{}], usage: { input_tokens: 9, output_tokens: 8 } }, { inputTokens: 9, outputTokens: 8, meters: { images: 1 } }],
    ['audio.speech', { input: 'one two three', prompt: Array.from({ length: 99 }, () => 1) }, [0, 1], { inputTokens: 3, outputTokens: 0, meters: { audio_ms: 1 }, estimated: true }],
  ])('counts %s by the rules for what is no text', async (endpoint, asked, answer, usage) => {
    const engine = await engineThat((_request, _body, response) => json(response, 200, answer));
    expect((await engine.run({ model: 'm', endpoint, body: Buffer.from(JSON.stringify({ model: 'm', ...asked })) }, open)).usage).toEqual(usage);
  });
});
