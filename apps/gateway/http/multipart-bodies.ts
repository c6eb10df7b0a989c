import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { failure } from '#protocol';

/** Routes whose handlers read a multipart body themselves, as it comes. */
export const multipartRoutes: ReadonlySet<string> = new Set(['/v1/files', '/v1/audio/transcriptions']);

/** Hands multipart bodies on as streams where a route takes them; everywhere else they are refused. */
@Injectable()
export class MultipartBodies {
  constructor(host: HttpAdapterHost) {
    host.httpAdapter.getInstance<FastifyInstance>().addContentTypeParser('multipart/form-data', (request, payload, done) => {
      if (multipartRoutes.has(request.routeOptions.url ?? '')) done(null, payload);
      else done(failure('REQUEST_INVALID', 'send the body as content-type: application/json', { status: 415, param: 'content-type' }));
    });
  }
}
