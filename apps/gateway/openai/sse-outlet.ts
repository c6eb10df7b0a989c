import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { StreamOutlet } from '../request/streamed-job.js';

/** How long a client may take to read the last bytes, in comments: a minute for the most that is held here, 256 KiB. */
const lastBytesComments = 4;

const comment = Buffer.from(': still here\n\n');

/** Server-sent events on an HTTP answer. A comment goes out whenever nothing else has for a while; clients pass it over. */
export class SseOutlet extends StreamOutlet {
  private readonly raw: ServerResponse;
  private silence: NodeJS.Timeout | undefined;

  constructor(
    private readonly reply: FastifyReply,
    private readonly commentMs: number,
    private readonly beforeHead?: () => void,
  ) {
    super();
    this.raw = reply.raw;
  }

  begin(record: string): void {
    this.hasBegun = true;
    this.begunAt = performance.now();
    this.beforeHead?.();
    this.reply.hijack();
    if (this.raw.destroyed) return;
    this.raw.writeHead(200, {
      ...(this.reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      // Proxies in front must not gather it.
      'x-accel-buffering': 'no',
      'x-mizan-record': record,
    });
    this.silence = setInterval(() => {
      // A client that does not read needs no comment to know that it is connected.
      if (!this.raw.writableNeedDrain && !this.raw.destroyed) this.raw.write(comment);
    }, this.commentMs);
    this.raw.once('close', () => clearInterval(this.silence));
  }

  async write(bytes: Buffer): Promise<void> {
    if (this.raw.destroyed || this.raw.writableEnded) return;
    this.silence?.refresh();
    this.writes += 1;
    if (this.raw.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const goOn = (): void => {
        this.raw.off('drain', goOn).off('close', goOn);
        resolve();
      };
      this.raw.on('drain', goOn).on('close', goOn);
    });
  }

  end(): void {
    clearInterval(this.silence);
    if (this.raw.destroyed) return;
    const late = setTimeout(() => this.drop(), this.commentMs * lastBytesComments).unref();
    this.raw.end(() => clearTimeout(late));
  }

  drop(): void {
    this.raw.destroy();
  }
}
