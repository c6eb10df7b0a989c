import { connect } from 'node:net';
import type { Socket } from 'node:net';

export interface Target {
  readonly name: string;
  readonly port: number;
  /** Beside host, type and length. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A request as bytes, made once: the load costs its core as little as can be. */
export function requestBytes({ port, headers }: Target, body: Buffer): Buffer {
  const fields = Object.entries({ host: `127.0.0.1:${port}`, 'content-type': 'application/json', 'content-length': String(body.length), ...headers });
  return Buffer.concat([Buffer.from(`POST /v1/chat/completions HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`), body]);
}

const headEnd = Buffer.from('\r\n\r\n');
const lastChunk = Buffer.from('0\r\n\r\n');

/** One keep-alive connection, one request at a time. It parses what it must and no more. */
export class HttpConnection {
  private received: Buffer[] = [];
  private head: { readonly status: number; readonly bodyBytes: number | undefined } | undefined;
  private bodyBytes = 0;
  private tail: Buffer = Buffer.alloc(0);
  private ended: ((status: number) => void) | undefined;
  private failed: ((error: Error) => void) | undefined;
  private given: ((bytes: Buffer) => void) | undefined;

  private constructor(private readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.take(bytes));
    socket.on('error', (error) => this.failed?.(error));
    socket.on('close', () => this.failed?.(new Error('the connection was closed')));
  }

  static open({ port }: Pick<Target, 'port'>): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new HttpConnection(socket)));
      socket.once('error', reject);
    });
  }

  /** Resolves with the status when the whole answer is here; `given` sees its body as it comes. */
  send(request: Buffer, given?: (bytes: Buffer) => void): Promise<number> {
    this.given = given;
    this.head = undefined;
    this.bodyBytes = 0;
    this.tail = Buffer.alloc(0);
    return new Promise((resolve, reject) => {
      this.ended = resolve;
      this.failed = reject;
      this.socket.write(request);
    });
  }

  close(): void {
    this.failed = undefined;
    this.socket.destroy();
  }

  private take(bytes: Buffer): void {
    let body = bytes;
    if (this.head === undefined) {
      this.received.push(bytes);
      const all = this.received.length === 1 ? bytes : Buffer.concat(this.received);
      const end = all.indexOf(headEnd);
      if (end < 0) return;
      this.received = [];
      const text = all.toString('latin1', 0, end);
      const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
      this.head = { status: Number(text.slice(9, 12)), bodyBytes: length === undefined ? undefined : Number(length) };
      body = all.subarray(end + headEnd.length);
    }
    if (body.length > 0) this.given?.(body);
    this.bodyBytes += body.length;
    const { status, bodyBytes } = this.head;
    if (bodyBytes === undefined) this.tail = body.length >= lastChunk.length ? body.subarray(-lastChunk.length) : Buffer.concat([this.tail, body]).subarray(-lastChunk.length);
    if (bodyBytes === undefined ? this.tail.equals(lastChunk) : this.bodyBytes >= bodyBytes) this.ended?.(status);
  }
}
