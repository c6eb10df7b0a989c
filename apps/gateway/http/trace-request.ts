import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { SpanKind, SpanStatusCode, context, propagation, trace } from '@opentelemetry/api';
import type { FastifyInstance } from 'fastify';
import { startSpan } from '#messaging';

/**
 * One span for each request, from its body on, a child of the caller's when it sends `traceparent`. Named by the route, never by what was asked. It ends with the
 * connection's part in it: a client that goes away ends it too.
 */
@Injectable()
export class TraceRequest {
  constructor(host: HttpAdapterHost) {
    host.httpAdapter.getInstance<FastifyInstance>().addHook('preHandler', (request, reply, done) => {
      const parent = propagation.extract(context.active(), request.headers);
      const span = startSpan(`${request.method} ${request.routeOptions.url ?? ''}`, parent, SpanKind.SERVER);
      if (span === undefined) return done();
      reply.raw.once('close', () => {
        if (request.failedWith !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: request.failedWith });
        span.end();
      });
      context.with(trace.setSpan(parent, span), done);
    });
  }
}
