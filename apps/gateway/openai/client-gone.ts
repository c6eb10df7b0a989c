import type { FastifyReply } from 'fastify';
import { failure } from '#protocol';

/** One for each reply, whoever asks: a controller costs 5 µs. */
const known = new WeakMap<FastifyReply, AbortSignal>();

/** Aborts when the client closes its connection before it was answered. */
export function clientGone(reply: FastifyReply): AbortSignal {
  let signal = known.get(reply);
  if (signal === undefined) known.set(reply, (signal = watched(reply)));
  return signal;
}

function watched(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  const leave = (): void => {
    if (!reply.raw.writableFinished) gone.abort(failure('DEADLINE_EXCEEDED', 'the client went away before the answer'));
  };
  // It may have gone while its request was read.
  if (reply.raw.destroyed) leave();
  else reply.raw.once('close', leave);
  return gone.signal;
}
