import { Injectable, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** Stable code of the error that answered the request. */
    failedWith?: string;
  }
}

/** One structured line for each answered request, under the id of its record. Never what was asked, by whom, or with which key. */
@Injectable()
export class RequestLog {
  private readonly logger = new Logger(RequestLog.name);

  constructor(host: HttpAdapterHost) {
    host.httpAdapter.getInstance<FastifyInstance>().addHook('onResponse', (request, reply, done) => {
      const route = request.routeOptions.url ?? 'none';
      const { id: record, method, failedWith: code } = request;
      this.logger.log({ msg: 'request', record, method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime * 10) / 10, ...(code === undefined ? {} : { code }) });
      done();
    });
  }
}
