import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Ids } from '#kernel';

/**
 * Every request gets an id of ours, whatever the client sends, and every answer carries it as `x-request-id`. A request
 * that is recorded has this id as its record's.
 */
@Injectable()
export class RequestIds {
  constructor(host: HttpAdapterHost, ids: Ids) {
    const fastify = host.httpAdapter.getInstance<FastifyInstance>();
    fastify.setGenReqId(() => ids.uuid());
    fastify.addHook('onRequest', (request, reply, done) => {
      reply.header('x-request-id', request.id);
      done();
    });
  }
}
