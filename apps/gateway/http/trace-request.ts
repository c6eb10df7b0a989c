import { Injectable } from '@nestjs/common';
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { SpanKind, context, propagation } from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import { from, lastValueFrom } from 'rxjs';
import type { Observable } from 'rxjs';
import { startSpan, within } from '#messaging';

/** One span for each request, a child of the caller's when it sends `traceparent`. Named by the route, never by what was asked. */
@Injectable()
export class TraceRequest implements NestInterceptor {
  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = execution.switchToHttp().getRequest<FastifyRequest>();
    const parent = propagation.extract(context.active(), request.headers);
    const name = `${request.method} ${request.routeOptions.url ?? ''}`;
    const span = startSpan(name, parent, SpanKind.SERVER);
    return span === undefined ? next.handle() : from(within(span, parent, () => lastValueFrom(next.handle(), { defaultValue: undefined })));
  }
}
