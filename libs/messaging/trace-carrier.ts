import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Context } from '@opentelemetry/api';
import { headers } from '@nats-io/transport-node';
import type { MsgHdrs } from '@nats-io/transport-node';

/** W3C trace context in NATS headers, whose names are case-sensitive: always lower case. */
export function tracedHeaders(initial: Record<string, string> = {}): MsgHdrs {
  const carried = headers();
  for (const [name, value] of Object.entries(initial)) carried.set(name, value);
  propagation.inject(context.active(), carried, { set: (carrier, name, value) => carrier.set(name, value) });
  return carried;
}

export function extractTrace(carried: MsgHdrs | undefined): Context {
  if (!carried) return context.active();
  return propagation.extract(context.active(), carried, { get: (carrier, name) => carrier.get(name) || undefined, keys: (carrier) => carrier.keys() });
}

/** The active W3C `traceparent`, for messages that carry many requests at once. */
export function currentTraceparent(): string | undefined {
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier['traceparent'];
}

/** Continues a trace known by its `traceparent`. */
export function contextOfTraceparent(traceparent: string | undefined | null): Context {
  return traceparent ? propagation.extract(context.active(), { traceparent }) : context.active();
}

const tracer = trace.getTracer('mizan');

/** Runs work in a span of the given parent; errors are recorded and rethrown. */
export function inSpan<T>(name: string, parent: Context, kind: SpanKind, work: () => Promise<T>): Promise<T> {
  return tracer.startActiveSpan(name, { kind }, parent, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Runs one piece of work for many requests: each whose `traceparent` is known gets a span of it in its own trace. */
export async function inSpanOfEach<T>(name: string, traceparents: Iterable<string | undefined>, work: () => Promise<T>): Promise<T> {
  const spans = [...new Set(traceparents)].flatMap((traceparent) => (traceparent ? [tracer.startSpan(name, { kind: SpanKind.CONSUMER }, contextOfTraceparent(traceparent))] : []));
  try {
    return await work();
  } catch (error) {
    for (const span of spans) span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    for (const span of spans) span.end();
  }
}
