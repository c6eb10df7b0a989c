import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { EngineAnswer } from './engine.js';
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

  it("gives vLLM the organisation's salt in place of whatever a caller wrote, and other engines none", async () => {
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
    expect(bodies).toEqual([asked.body.toString(), '{"model":"m","messages":[],"cache_salt":"ours"}']);
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
    expect((await engine.run(chat, open)).usage).toEqual({ inputTokens: 100, outputTokens: 50 });
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
    const engine = await engineThat((_request, _body, response) => {
      events(response).write(chunk('Grüß'));
      setTimeout(() => response.end(`${chunk(' Gott')}data: {"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}\n\ndata: [DONE]\n\n`), 1_500);
    });
    const answer = await engine.run(streaming, open);
    const startedAt = performance.now();
    const atMs: number[] = [];
    const text = await read(answer, () => atMs.push(performance.now() - startedAt));
    expect(text).toBe(`${chunk('Grüß')}${chunk(' Gott')}data: {"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}\n\ndata: [DONE]\n\n`);
    expect(atMs[0]).toBeLessThan(1_200);
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

  it('are closed at the engine within 200 ms of the signal, and say what came until then', async () => {
    let closedAtMs = 0;
    const engine = await engineThat((request, _body, response) => {
      const timer = setInterval(() => response.write(chunk('word ')), 10);
      request.socket.on('close', () => ((closedAtMs = performance.now()), clearInterval(timer)));
      events(response);
    });
    const cancel = new AbortController();
    const answer = await engine.run(streaming, cancel.signal);
    let abortedAtMs = 0;
    setTimeout(() => ((abortedAtMs = performance.now()), cancel.abort(new Error('gone'))), 100);
    await expect(read(answer)).rejects.toThrow('gone');
    for (const until = performance.now() + 10_000; closedAtMs === 0 && performance.now() < until; ) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(closedAtMs - abortedAtMs).toBeLessThan(2_000);
    expect((await answer.usage).outputTokens).toBeGreaterThan(1);
  });
});
