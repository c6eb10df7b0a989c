import { request } from 'undici';
import type { Dispatcher } from 'undici';
import { failure } from '#protocol';
import type { Dial, Link, LinkEvents } from './link.js';
import { MessageStream, prefixed } from './message-stream.js';

/** A node answers the hello at once, and says every 15 s that it lives; three missed mean that it does not. */
const answerMs = 2_000;
const silentMsMax = 45_000;
/** A post of four chunks. At 2 Mbit/s it takes 4 s. */
const postBytesMax = 1_048_576;
const postMs = 10_000;

/**
 * Links over HTTP: answers come in one long response, messages go in posts, one after the other, each with all that has gathered meanwhile. So
 * neither end needs more of the proxies between than that they pass a response on as it comes. `target` judges a node's URL before each link.
 */
export function httpDial(dispatcher: Dispatcher, target: (url: string) => URL): Dial {
  return async (url, session, hello, events) => {
    const base = target(url).href.replace(/[?#].*$/s, '').replace(/\/$/, '');
    const paths = { link: `${base}/mizan/v1/sessions/${session}/link`, frames: `${base}/mizan/v1/sessions/${session}/frames` };
    const abort = new AbortController();
    const late = setTimeout(() => abort.abort(), answerMs);
    try {
      const answer = await request(paths.link, { ...posted(hello), dispatcher, signal: abort.signal, bodyTimeout: silentMsMax });
      if (answer.statusCode !== 200) {
        answer.body.on('error', () => undefined).destroy();
        throw failure('NODE_UNREACHABLE', `the node's public URL answered ${answer.statusCode}`, { reason: 'disconnected' });
      }
      return new HttpLink(dispatcher, paths.frames, answer.body, abort, events);
    } finally {
      clearTimeout(late);
    }
  };
}

const posted = (body: Buffer) => ({ method: 'POST' as const, body, headers: { 'content-type': 'application/octet-stream' } });

class HttpLink implements Link {
  private readonly waiting: Buffer[] = [];
  private posting = false;
  private over = false;

  constructor(
    private readonly dispatcher: Dispatcher,
    private readonly frames: string,
    answers: AsyncIterable<Buffer>,
    private readonly abort: AbortController,
    private readonly events: LinkEvents,
  ) {
    this.read(answers).then(
      () => this.end(),
      () => this.end(),
    );
  }

  send(message: Buffer): boolean {
    if (this.over) return false;
    this.waiting.push(prefixed(message));
    if (!this.posting) {
      this.posting = true;
      // What is sent in one go leaves together: a job's head and its body.
      queueMicrotask(() => void this.post().catch(() => this.end()));
    }
    return true;
  }

  close(): void {
    this.over = true;
    this.abort.abort();
  }

  private async read(answers: AsyncIterable<Buffer>): Promise<void> {
    const stream = new MessageStream();
    for await (const chunk of answers) for (const message of stream.take(chunk)) if (!this.over) this.events.receive(message);
  }

  private async post(): Promise<void> {
    while (this.waiting.length > 0 && !this.over) {
      const { statusCode, body } = await request(this.frames, { ...posted(this.gathered()), dispatcher: this.dispatcher, signal: this.abort.signal, headersTimeout: postMs, bodyTimeout: postMs });
      await body.dump();
      if (statusCode !== 204) throw failure('NODE_UNREACHABLE', `the node's public URL answered ${statusCode}`, { reason: 'disconnected' });
    }
    this.posting = false;
  }

  private gathered(): Buffer {
    let count = 0;
    for (let bytes = 0; count < this.waiting.length && (count === 0 || bytes + this.waiting[count]!.length <= postBytesMax); count += 1) bytes += this.waiting[count]!.length;
    return Buffer.concat(this.waiting.splice(0, count));
  }

  private end(): void {
    if (this.over) return;
    this.close();
    this.events.ended();
  }
}
