import { Readable } from 'node:stream';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { DomainError } from '#kernel';
import { backgroundEnd, failure, httpStatus } from '#protocol';
import { Lines } from '../batches/lines.service.js';
import { Files } from '../files/files.service.js';
import type { BroughtEvents } from '../responses/background-response.js';
import { BackgroundResponses } from '../responses/background-responses.service.js';
import { StoredResponses } from '../responses/stored-responses.service.js';
import type { Ticket } from './ticket.js';
import { Transfers } from './transfers.js';

interface Asked {
  readonly Querystring: { readonly ticket?: string; readonly good?: string; readonly first?: string; readonly count?: string; readonly end?: string; readonly after?: string };
}

/** The internal HTTP by which gateways move contents: each address is a signed ticket for one transfer. */
@Injectable()
export class TransferRoutes {
  private readonly logger = new Logger(TransferRoutes.name);

  constructor(
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(Transfers) private readonly transfers: Transfers,
    @Inject(Files) private readonly files: Files,
    @Inject(Lines) private readonly lines: Lines,
    @Inject(StoredResponses) private readonly responses: StoredResponses,
    @Inject(BackgroundResponses) private readonly background: BackgroundResponses,
  ) {
    void host.httpAdapter.getInstance<FastifyInstance>().register((scope, _options, done) => {
      scope.removeAllContentTypeParsers();
      // Bodies are streams of unknown kind: who reads them counts them.
      scope.addContentTypeParser('*', (_request, payload, parsed) => parsed(null, payload));
      scope.setErrorHandler((error, request, reply) => this.tell(error, request, reply));
      this.addRoutes(scope);
      done();
    });
  }

  private addRoutes(scope: FastifyInstance): void {
    scope.put<Asked>('/internal/files', async (request, reply) => {
      const { tenant, id } = this.open(request.query.ticket, 'put-file');
      await this.files.store(tenant, id, request.body as Readable);
      return reply.code(204).send();
    });
    scope.get<Asked>('/internal/files', async (request, reply) => {
      const { tenant, id } = this.open(request.query.ticket, 'get-file');
      const { bytes, content } = await this.files.content(tenant, id);
      return reply.header('content-length', bytes).type('application/octet-stream').send(Readable.from(content));
    });
    scope.put<Asked>('/internal/responses', async (request, reply) => {
      const { tenant, id } = this.open(request.query.ticket, 'put-response');
      await this.responses.store(tenant, id, request.body as Readable);
      return reply.code(204).send();
    });
    scope.get<Asked>('/internal/responses', async (request, reply) => {
      const { tenant, id } = this.open(request.query.ticket, 'get-response');
      const { bytes, content } = await this.responses.content(tenant, id);
      return reply.header('content-length', bytes).type('application/json').send(Readable.from(content));
    });
    scope.get<Asked>('/internal/response-events', async (request, reply) => {
      const { tenant, id } = this.open(request.query.ticket, 'get-response-events');
      return reply.type('text/event-stream').send(Readable.from(this.background.eventsAfter(tenant, id, number(request.query.after))));
    });
    scope.get<Asked>('/internal/response-runs', async (request, reply) => {
      const { tenant, id, fence } = this.open(request.query.ticket, 'run-response');
      await this.background.assertHeld(tenant, { job: id, fence });
      const { bytes, content } = await this.responses.content(tenant, id);
      return reply.header('content-length', bytes).type('application/json').send(Readable.from(content));
    });
    scope.put<Asked>('/internal/response-runs', async (request, reply) => {
      const { tenant, id, fence } = this.open(request.query.ticket, 'run-response');
      return reply.type('application/json').send(await this.background.append(tenant, { job: id, fence }, broughtEvents(request.query), request.body as Readable));
    });
    scope.get<Asked>('/internal/lines', async (request, reply) => {
      const { tenant, id, fence } = this.open(request.query.ticket, 'run-line');
      return reply.type('application/json').send(Readable.from(await this.lines.read(tenant, { job: id, fence })));
    });
    scope.put<Asked>('/internal/lines', async (request, reply) => {
      const { tenant, id, fence } = this.open(request.query.ticket, 'run-line');
      await this.lines.keep(tenant, { job: id, fence }, request.query.good === 'true', request.body as Readable);
      return reply.code(204).send();
    });
  }

  private open<May extends Ticket['may']>(written: string | undefined, may: May): Extract<Ticket, { may: May }> {
    const ticket = this.transfers.read(String(written), may);
    if (!ticket) throw failure('NOT_FOUND', 'there is no such transfer, or its time is over');
    return ticket;
  }

  private tell(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const known = error instanceof DomainError ? error : failure('INTERNAL', 'the transfer failed');
    // The address is a secret while it is good.
    if (known.code === 'INTERNAL') this.logger.error(`${request.method} ${request.routeOptions.url}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    void reply.code(httpStatus[known.kind]).send({ code: known.code, message: known.message });
  }
}

const brought = z.object({ first: z.coerce.number().int().nonnegative(), count: z.coerce.number().int().min(1), end: backgroundEnd.optional() });

/** Error: REQUEST_INVALID. */
function broughtEvents(query: Asked['Querystring']): BroughtEvents {
  const read = brought.safeParse(query);
  if (!read.success) throw failure('REQUEST_INVALID', 'events are sent with the number of the first one, how many they are, and how the response ends if they end it');
  return { first: read.data.first, count: read.data.count, end: read.data.end };
}

/** Error: REQUEST_INVALID. */
function number(written: string | undefined): number {
  const value = Number(written ?? Number.NaN);
  if (!Number.isSafeInteger(value)) throw failure('REQUEST_INVALID', '"after" is the number of an event');
  return value;
}
