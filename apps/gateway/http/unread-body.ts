import type { FastifyReply, FastifyRequest } from 'fastify';
import { limits } from '#protocol';

/**
 * A client that still sends when the connection is closed sees a reset instead of the answer. What it sends is thrown away
 * instead, up to 64 MiB.
 */
export const drainedBytesMax = 16 * limits.bodyBytesMax;

/** Of a body that is refused before its end: the rest is thrown away as it comes, or the connection ends with the answer when that is too much, or without end. */
export function leaveUnread(request: FastifyRequest, reply: FastifyReply): void {
  if (request.raw.readableEnded) return;
  if (Number(request.headers['content-length']) <= drainedBytesMax) request.raw.resume();
  else void reply.header('connection', 'close');
}
