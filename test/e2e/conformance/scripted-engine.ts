import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as the engine got it. */
export interface Asked {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Record<string, unknown>;
  /** When whoever asked went away before the answer had ended (`performance.now()`), if it did. */
  readonly left: Promise<number>;
}

type Pieces = Iterable<string | Buffer> | AsyncIterable<string | Buffer>;

/** What an engine does with a request. */
export type Script = (asked: Asked, response: ServerResponse) => unknown;

export const about = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'vendor/chat' };
export const chunk = (delta: object, more: object = {}): object => ({ ...about, choices: [{ index: 0, delta, finish_reason: null }], ...more });
export const event = (value: object, newline = '\n'): string => `data: ${JSON.stringify(value)}${newline}${newline}`;
export const done = 'data: [DONE]\n\n';
export const usage = { prompt_tokens: 5, completion_tokens: 3, total_tokens: 8 };
/** The usage chunk of an engine that was asked for it. */
export const usageEvent = event({ ...about, choices: [], usage });
export const vector = [0.5, -0.25, 0.125, 1, 0.75, -1, 0.0625, 0];

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Script =>
  (_asked, response) =>
    void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

/** Streams pieces as fast as they are taken. */
export const streaming =
  (pieces: (asked: Asked) => Pieces): Script =>
  async (asked, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for await (const piece of pieces(asked)) {
      if (response.destroyed) return;
      if (!response.write(piece)) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
    }
    response.end();
  };

/** Says some words, each in a chunk. */
export const saying = (...words: string[]): Script => streaming(() => [...words.map((content) => event(chunk({ content }))), usageEvent, done]);

const answer = { ...about, object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: 'It is level.' }, finish_reason: 'stop' }], usage };
/** An answer that is whole, in the form that was asked for. */
export const ordinary: Script = (asked, response) => {
  if (asked.path.endsWith('/embeddings')) {
    const inputs = [asked.body['input']].flat();
    return json(200, { object: 'list', data: inputs.map((_, index) => ({ object: 'embedding', index, embedding: vector })), model: asked.body['model'], usage: { prompt_tokens: 3, total_tokens: 3 } })(asked, response);
  }
  return asked.body['stream'] === true ? saying('It ', 'is ', 'level.')(asked, response) : json(200, { ...answer, model: asked.body['model'] })(asked, response);
};

/** An OpenAI-compatible engine over HTTP that does what a test says. */
export class ScriptedEngine {
  readonly asked: Asked[] = [];
  script: Script = ordinary;
  private readonly server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const each of request as AsyncIterable<Buffer>) chunks.push(each);
      if (request.url === '/v1/models') return json(200, { object: 'list', data: this.models.map((id) => ({ id, object: 'model' })) })({} as Asked, response);
      const left = new Promise<number>((resolve) => response.once('close', () => !response.writableEnded && resolve(performance.now())));
      const asked: Asked = { path: request.url!, headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>, left };
      this.asked.push(asked);
      await this.script(asked, response);
    })().catch(() => response.destroy());
  });

  constructor(private readonly models: readonly string[]) {}

  async listen(): Promise<string> {
    await new Promise<void>((listening) => this.server.listen(0, '127.0.0.1', listening));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
