import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import type { DomainError } from '#kernel';
import { failure } from '#protocol';
import { RequestIds } from './request-ids.js';

/** SDKs send a dozen; proxies add a few. */
const headersMax = 100;
/** Fields of which a second one would let two readers see two requests. */
const single = ['host', 'authorization', 'content-length', 'content-type', 'content-encoding', 'transfer-encoding'] as const;

/** What the HTTP parser lets through and this edge does not, before a byte of the body is read. */
@Injectable()
export class EdgeChecks {
  /** After the request ids, so that refusals carry one. */
  constructor(host: HttpAdapterHost, _after: RequestIds) {
    const fastify = host.httpAdapter.getInstance<FastifyInstance>();
    // The parser would drop what is over its own limit without a word; the size of all headers is bounded by bytes.
    fastify.server.maxHeadersCount = 0;
    fastify.addHook('onRequest', (request, _reply, done) => done(wrongWith(request.raw)));
  }
}

/** The first thing that is wrong with a request's head. */
export function wrongWith({ headers, rawHeaders, httpVersion }: Pick<IncomingMessage, 'headers' | 'rawHeaders' | 'httpVersion'>): DomainError | undefined {
  if (rawHeaders.length > headersMax * 2) return failure('REQUEST_INVALID', `a request has at most ${headersMax} headers`, { status: 431 });
  const twice = single.find((name) => rawHeaders.filter((field, at) => at % 2 === 0 && field.toLowerCase() === name).length > 1);
  if (twice) return failure('REQUEST_INVALID', `the header ${twice} stands twice`);
  if (httpVersion === '1.1' && !headers.host) return failure('REQUEST_INVALID', 'the header host is missing');
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || httpVersion !== '1.1')) return failure('REQUEST_INVALID', 'the only transfer-encoding is chunked, in HTTP/1.1');
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') return failure('REQUEST_INVALID', 'send the body as it is: content-encoding is not supported', { status: 415, param: 'content-encoding' });
  return undefined;
}
