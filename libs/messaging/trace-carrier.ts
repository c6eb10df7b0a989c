import { context, isSpanContextValid, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Context, Span } from '@opentelemetry/api';
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
  const span = startSpan(name, parent, kind);
  return span === undefined ? work() : within(span, parent, work);
}

/** The same for work that waits for nothing. */
export function inSpanNow<T>(name: string, parent: Context, kind: SpanKind, work: () => T): T {
  const span = startSpan(name, parent, kind);
  if (span === undefined) return work();
  try {
    return context.with(trace.setSpan(parent, span), work);
  } catch (error) {
    throw failed(span, error);
  } finally {
    span.end();
  }
}

/** `undefined` when nobody records spans and no caller's trace is to be carried on: then spans cost nothing. */
export function startSpan(name: string, parent: Context, kind: SpanKind): Span | undefined {
  const span = tracer.startSpan(name, { kind }, parent);
  return span.isRecording() || isSpanContextValid(span.spanContext()) ? span : undefined;
}

/** Runs work in a span that was started, and ends it. */
export async function within<T>(span: Span, parent: Context, work: () => Promise<T>): Promise<T> {
  try {
    return await context.with(trace.setSpan(parent, span), work);
  } catch (error) {
    throw failed(span, error);
  } finally {
    span.end();
  }
}

function failed(span: Span, error: unknown): unknown {
  span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
  return error;
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
