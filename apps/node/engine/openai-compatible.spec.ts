import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
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
      { model: 'llama-3', endpoints: ['chat.completions'] },
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
    expect(answer.body.toString()).toBe('{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5}}');
  });

  it("passes an engine's refusal on without usage", async () => {
    const engine = await engineThat((_request, _body, response) => json(response, 422, { error: { message: 'no' } }));
    expect(await engine.run(chat, open)).toMatchObject({ status: 422, usage: { inputTokens: 0, outputTokens: 0 } });
  });

  it('is ENGINE_FAILED when it does not answer, or does not say what it used', async () => {
    const silent = await engineThat((_request, _body, response) => json(response, 200, { choices: [] }));
    await expect(silent.run(chat, open)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    server!.closeAllConnections();
    await new Promise((resolve) => server!.close(resolve));
    await expect(silent.run(chat, open)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  });

  it('refuses streams, and bodies that name another model', async () => {
    const engine = await engineThat((_request, _body, response) => json(response, 500, {}));
    expect(await engine.run({ ...chat, body: Buffer.from('{"model":"m","stream":true}') }, open)).toMatchObject({ status: 400 });
    expect(await engine.run({ ...chat, body: Buffer.from('{"model":"expensive"}') }, open)).toMatchObject({ status: 400 });
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
