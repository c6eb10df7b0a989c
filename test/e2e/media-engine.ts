import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from('a painted scale')]).toString('base64');

/** A request as the engine got it: JSON, or the form's fields and the recording. */
export interface EngineRequest {
  readonly path: string;
  readonly body: Record<string, unknown>;
}

/** An OpenAI-compatible engine over HTTP that judges, paints, listens and speaks. */
export class MediaEngine {
  readonly requests: EngineRequest[] = [];
  /** A WAV file of a second and a half. */
  readonly sound = wav(Buffer.from(Array.from({ length: 72_000 }, (_, at) => at % 251)));
  private readonly server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const path = request.url!;
      const json = (body: unknown): void => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      if (path === '/v1/models') return json({ object: 'list', data: ['judge', 'brush', 'whisper-tiny', 'my-voice'].map((id) => ({ id, object: 'model' })) });
      const body = await bodyOf(Buffer.concat(chunks), request.headers['content-type'] ?? '');
      this.requests.push({ path, body });
      switch (path) {
        case '/v1/moderations':
          return json({ id: 'modr-1', model: 'judge', results: [{ flagged: true, categories: { violence: true }, category_scores: { violence: 0.9 } }] });
        case '/v1/images/generations':
          return json({ created: 1, data: Array.from({ length: Number(body['n'] ?? 1) }, () => ({ b64_json: png })) });
        case '/v1/audio/transcriptions':
          if (body['response_format'] === 'srt') return void response.writeHead(200, { 'content-type': 'text/plain' }).end('1\n00:00:00,000 --> 00:00:01,000\nThe scales do not lie.\n');
          return json({ text: 'The scales do not lie.', usage: { type: 'duration', seconds: 3 } });
        case '/v1/audio/speech':
          return void response.writeHead(200, { 'content-type': 'text/html' }).end(this.sound);
        default:
          response.writeHead(404).end();
      }
    })();
  });

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.server.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** 24 kHz, 16 bit, one channel. */
function wav(samples: Buffer): Buffer {
  const head = Buffer.from('RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0\x02\0\x10\0data\0\0\0\0', 'latin1');
  head.writeUInt32LE(36 + samples.length, 4);
  head.writeUInt32LE(24_000, 24);
  head.writeUInt32LE(48_000, 28);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}

async function bodyOf(bytes: Buffer, type: string): Promise<Record<string, unknown>> {
  if (!type.startsWith('multipart/form-data')) return JSON.parse(bytes.toString()) as Record<string, unknown>;
  const form = await new Response(new Uint8Array(bytes), { headers: { 'content-type': type } }).formData();
  const body: Record<string, unknown> = {};
  for (const [name, value] of form) body[name] = typeof value === 'string' ? value : { name: value.name, bytes: Buffer.from(await value.arrayBuffer()) };
  return body;
}
