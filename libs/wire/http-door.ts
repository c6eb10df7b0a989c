import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Link } from './link.js';
import { messageBytesMax, MessageStream, prefixed } from './message-stream.js';

/** What the door opens to: the sessions of a node. */
export interface Sessions {
  /** Links the session to its gateway; the sealed `hello` proves that it is the one. False: no such session, not its gateway, or linked before. */
  attach(session: string, hello: Buffer, link: Link): boolean;
  /** Whether there is a linked session of this id. */
  linked(session: string): boolean;
  /** One sealed message of a linked session. False when there is none, or no longer. */
  deliver(session: string, message: Buffer): boolean;
  /** The session's link has ended. */
  detach(session: string, link: Link): void;
}

const helloBytesMax = 1_024;
const postBytesMax = 1_048_576 + messageBytesMax;
/** Half of the silence after which proxies usually give up. */
const aliveMs = 15_000;
const connectionsMax = 1_024;
const route = /\/mizan\/v1\/sessions\/([0-9a-f-]{36})\/(link|frames)$/;

/**
 * A node's port for gateways that call it straight. Sessions are opened over the bus, where the server says who is a gateway; here only what is
 * sealed by such a session counts. Strangers get 404 before a byte of their body is read; what is slow, large or not HTTP is cut off.
 */
export class HttpDoor {
  private sessions: Sessions | undefined;
  private readonly posting = new Set<string>();

  private constructor(private readonly server: Server) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void this.answer(request, response).catch(() => response.destroy()));
    server.maxConnections = connectionsMax;
    server.maxHeadersCount = 64;
    server.keepAliveTimeout = 75_000;
  }

  /** Takes the port; nobody is let in before `serve`. Errors: those of `listen` (EADDRINUSE, …). */
  static async listen(host: string, port: number, limits: { headersMs?: number; requestMs?: number } = {}): Promise<HttpDoor> {
    const server = createServer({ headersTimeout: limits.headersMs ?? 5_000, requestTimeout: limits.requestMs ?? 30_000, connectionsCheckingInterval: 500, maxHeaderSize: 8 * 1024 });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
    return new HttpDoor(server);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  serve(sessions: Sessions): void {
    this.sessions = sessions;
  }

  close(): void {
    this.sessions = undefined;
    this.server.close();
    this.server.closeAllConnections();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, session, what] = route.exec(request.url ?? '') ?? [];
    if (this.sessions === undefined || request.method !== 'POST' || session === undefined) return turnAway(response, 404);
    if (what === 'link') return this.link(this.sessions, session, request, response);
    // A gateway sends one post after the other: whoever sends two at once is not it.
    if (this.posting.has(session)) return turnAway(response, 409);
    this.posting.add(session);
    try {
      await this.frames(this.sessions, session, request, response);
    } finally {
      this.posting.delete(session);
    }
  }

  private async link(sessions: Sessions, session: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const hello = await wholeBody(request, helloBytesMax);
    if (hello === undefined) return turnAway(response, 413);
    const link = new ResponseLink(response);
    if (!sessions.attach(session, hello, link)) {
      link.stop();
      return turnAway(response, 404);
    }
    response.on('close', () => {
      link.stop();
      sessions.detach(session, link);
    });
    link.begin();
  }

  private async frames(sessions: Sessions, session: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!sessions.linked(session)) return turnAway(response, 404);
    if (Number(request.headers['content-length'] ?? 0) > postBytesMax) return turnAway(response, 413);
    const stream = new MessageStream();
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if ((bytes += chunk.length) > postBytesMax) return turnAway(response, 413);
      for (const message of stream.take(chunk)) if (!sessions.deliver(session, message)) return turnAway(response, 404);
    }
    response.writeHead(204).end();
  }
}

/** Ends the connection too, so that nothing more of it is read. */
function turnAway(response: ServerResponse, status: number): void {
  response.writeHead(status, { connection: 'close' }).end(() => response.socket?.destroy());
}

async function wholeBody(request: IncomingMessage, bytesMax: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    if ((bytes += chunk.length) > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The long response of a session: a job's credit bounds what waits in it. */
class ResponseLink implements Link {
  private readonly alive: NodeJS.Timeout;
  private begun = false;

  constructor(private readonly response: ServerResponse) {
    this.alive = setInterval(() => this.begun && this.response.write(prefixed(Buffer.alloc(0))), aliveMs).unref();
  }

  begin(): void {
    this.begun = true;
    this.response.writeHead(200, { 'content-type': 'application/octet-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' }).flushHeaders();
  }

  send(message: Buffer): boolean {
    if (!this.begun || this.response.destroyed || this.response.writableEnded) return false;
    this.response.write(prefixed(message));
    return true;
  }

  close(): void {
    this.stop();
    if (this.begun) this.response.end();
  }

  stop(): void {
    clearInterval(this.alive);
  }
}
