import { SpanKind, context } from '@opentelemetry/api';
import { RequestError, TimeoutError } from '@nats-io/transport-node';
import { z } from 'zod';
import { failure } from '#protocol';
import type { Call, ReplyOf, RequestOf } from '#protocol';
import { Bus } from './bus.js';
import { decodeError } from './reply.js';
import { inSpan, tracedHeaders } from './trace-carrier.js';

/** Typed client of every service's calls. */
export class Caller {
  constructor(private readonly bus: Bus) {}

  /**
   * Asks and waits for the answer. Errors: those that the call declares, and SERVICE_UNAVAILABLE when nobody answers in time.
   */
  call<C extends Call>(call: C, request: RequestOf<C>): Promise<ReplyOf<C>> {
    return inSpan(`call ${call.subject}`, context.active(), SpanKind.CLIENT, async () => {
      if (!this.bus.isConnected) throw failure('SERVICE_UNAVAILABLE', `${call.service} cannot be reached: the message bus is down; try again shortly`);
      const payload = JSON.stringify(z.encode(call.request, request));
      const answer = await this.bus.connection.request(call.subject, payload, { timeout: call.timeoutMs, headers: tracedHeaders() }).catch((error: unknown) => {
        if (isUnanswered(error)) throw failure('SERVICE_UNAVAILABLE', `${call.service} did not answer; try again shortly`, { service: call.service }, error);
        throw error;
      });
      const text = answer.string();
      const error = answer.headers && decodeError(answer.headers, text);
      if (error) throw error;
      return z.decode(call.reply, JSON.parse(text) as never) as ReplyOf<C>;
    });
  }
}

function isUnanswered(error: unknown): boolean {
  return error instanceof TimeoutError || (error instanceof RequestError && (error.isNoResponders() || error.cause instanceof TimeoutError)) || (error instanceof Error && /closed|disconnect/i.test(error.message));
}
