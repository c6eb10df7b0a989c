import type { FastifyReply } from 'fastify';
import { LinkedAbort } from '#kernel';
import { failure } from '#protocol';
import { errorAnswer } from '../http/openai-error.js';
import { clientGone } from '../openai/client-gone.js';
import { SseOutlet } from '../openai/sse-outlet.js';
import { TimedWrites } from '../request/timed-writes.js';

/** How the events of a response are told over HTTP. */
export interface TellSettings {
  readonly commentMs: number;
  /** A connection is held no longer: who has not heard the end asks for the rest. */
  readonly deadlineMs: number;
}

/**
 * Gives the events of a response to a client at its pace, until their end, the client's, or the deadline: a client that does not read then is
 * dropped. What is wrong before there are events to wait for is thrown, and the head leaves then; what is wrong later is the last event.
 */
export async function tellResponse(id: string, events: (signal: AbortSignal) => Promise<AsyncIterable<Buffer>>, reply: FastifyReply, { commentMs, deadlineMs }: TellSettings): Promise<void> {
  const open = new LinkedAbort(clientGone(reply));
  const late = setTimeout(() => open.abort(failure('DEADLINE_EXCEEDED', `the connection was open for ${deadlineMs / 1_000} s: ask for the rest with starting_after`)), deadlineMs);
  const outlet = new SseOutlet(reply, commentMs);
  const writes = new TimedWrites(outlet, deadlineMs);
  try {
    const told = await events(open.signal);
    outlet.begin(id);
    // The first event may be long in coming.
    if (!reply.raw.destroyed) reply.raw.flushHeaders();
    for await (const piece of told) await writes.write(piece);
  } catch (error) {
    if (!outlet.hasBegun) throw error;
    await writes.write(Buffer.from(`data: ${errorAnswer(error).body}\n\n`));
  } finally {
    clearTimeout(late);
    writes.end();
    open.release();
    if (outlet.hasBegun) outlet.end();
  }
}
