import { STATUS_CODES } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import { failure } from '#protocol';
import type { ServiceDefinition } from '#service';
import type { GatewayConfig } from '../config.js';
import { errorAnswer } from './openai-error.js';

type ServerOptions = ReturnType<NonNullable<ServiceDefinition<GatewayConfig>['server']>>;

/** All headers of a request together; an API key is 60 bytes, a tag list 512. */
const headerBytesMax = 16 * 1024;

/** The public HTTP server: time and size of what is not yet a request are bounded. */
export function httpServer({ HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS, TRUSTED_PROXIES }: Pick<GatewayConfig, 'HEADERS_TIMEOUT_MS' | 'REQUEST_TIMEOUT_MS' | 'TRUSTED_PROXIES'>): ServerOptions {
  const headersTimeout = Math.min(HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS);
  return {
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Nobody else's X-Forwarded-For names a client.
    trustProxy: TRUSTED_PROXIES.length === 0 ? false : [...TRUSTED_PROXIES],
    http: {
      headersTimeout,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: Math.min(headersTimeout / 2, 5_000),
      maxHeaderSize: headerBytesMax,
      insecureHTTPParser: false,
      // Checked with the other headers, so that the refusal has the shape of all others.
      requireHostHeader: false,
    },
    clientErrorHandler: (error, socket) => answerMalformed(error, socket),
  };
}

/** Answers what the HTTP parser refused, in the shape of all errors, and closes: where the next request would begin is not known. */
function answerMalformed(error: NodeJS.ErrnoException, socket: Socket & { _httpMessage?: ServerResponse }): void {
  if (error.code !== 'ECONNRESET' && socket.writable && !socket._httpMessage?.headersSent) socket.write(rawAnswer(error.code));
  socket.destroy();
}

function rawAnswer(code: string | undefined): string {
  const [status, message] = told(code);
  const { body } = errorAnswer(failure('REQUEST_INVALID', message));
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${randomUUID()}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

function told(code: string | undefined): [status: number, message: string] {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, 'the request did not arrive in time'];
    case 'HPE_HEADER_OVERFLOW':
      return [431, `the headers are larger than ${headerBytesMax} bytes`];
    default:
      return [400, 'this is not a well-formed HTTP/1.1 request'];
  }
}
