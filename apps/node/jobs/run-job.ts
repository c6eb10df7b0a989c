import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { failure } from '#protocol';
import type { NodeJobHandler, NodeJobInput, NodeJobOutput } from '#wire';
import type { Engines } from '../engine/engines.js';

/** Runs jobs on the node's engines, each in a span of the gateway's trace. */
export function jobRunner(engines: Engines): NodeJobHandler {
  return (job, signal) => inTrace(job, () => run(engines, job, signal));
}

async function run(engines: Engines, job: NodeJobInput, signal: AbortSignal): Promise<NodeJobOutput> {
  const engine = engines.engineFor(job.model);
  if (engine === undefined) throw failure('ENGINE_FAILED', 'no engine here runs that model');
  return engine.run({ record: job.record, model: job.model, endpoint: job.endpoint, body: job.body, cacheSalt: job.cacheSalt, worthNanos: job.worthNanos }, signal);
}

function inTrace<T>(job: NodeJobInput, work: () => Promise<T>): Promise<T> {
  const parent = job.traceparent === undefined ? context.active() : propagation.extract(context.active(), { traceparent: job.traceparent });
  const attributes = { 'mizan.record': job.record, 'mizan.model': job.model };
  return trace.getTracer('mizan').startActiveSpan(`node ${job.endpoint}`, { kind: SpanKind.SERVER, attributes }, parent, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}
