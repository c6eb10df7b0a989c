import type { FastifyReply, FastifyRequest } from 'fastify';
import { failure } from '#protocol';
import { errorAnswer } from './openai-error.js';

/** Answers a request that reached no route, and so no hook and no filter. */
export function unroutable(_error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const { status, headers, contentType, body } = errorAnswer(failure('REQUEST_INVALID', 'the URL does not decode'));
  void reply.code(status).headers({ ...headers, 'x-request-id': request.id }).type(contentType).send(body);
}
