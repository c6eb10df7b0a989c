import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import { failure, limits } from '#protocol';
import { checkJsonShape } from './json-shape.js';

/** Routes whose messages may hold images. */
const holdImages = new Set(['/v1/chat/completions', '/v1/responses']);

/** Bodies are JSON of a sane shape and nothing else, unless a route brings a parser of its own. */
@Injectable()
export class BodyParsers {
  constructor(host: HttpAdapterHost<FastifyAdapter>) {
    const adapter = host.httpAdapter;
    const fastify = adapter.getInstance();
    fastify.addHook('onRoute', (route) => {
      if (holdImages.has(route.url)) route.bodyLimit = limits.imageBodyBytesMax;
    });
    const parse = fastify.getDefaultJsonParser('error', 'error');
    adapter.useBodyParser('application/json', false, { bodyLimit: limits.bodyBytesMax }, (request, body, done) => {
      try {
        checkJsonShape(body);
      } catch (error) {
        done(error as Error);
        return;
      }
      void parse(request, body.toString(), done as never);
    });
    // The framework would take forms for bodies.
    adapter.useBodyParser('application/x-www-form-urlencoded', false, { bodyLimit: limits.bodyBytesMax }, (_request, _body, done) =>
      done(failure('REQUEST_INVALID', 'send the body as content-type: application/json', { status: 415, param: 'content-type' })),
    );
  }
}
