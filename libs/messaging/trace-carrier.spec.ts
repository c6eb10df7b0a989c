import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { node, tracing } from '@opentelemetry/sdk-node';
import { contextOfTraceparent, currentTraceparent, inSpan, inSpanNow, startSpan } from './trace-carrier.js';

const run = <T>(name: string, work: () => Promise<T>): Promise<T> => inSpan(name, context.active(), SpanKind.INTERNAL, work);
const broken = (): never => {
  throw new Error('broken');
};

// In this order: what is registered stays registered.
describe('spans that nobody records', () => {
  it('are not there, and the work runs all the same', async () => {
    expect(startSpan('a', ROOT_CONTEXT, SpanKind.INTERNAL)).toBeUndefined();
    expect(await run('a', async () => 1)).toBe(1);
    expect(inSpanNow('a', ROOT_CONTEXT, SpanKind.INTERNAL, () => 2)).toBe(2);
    await expect(run('a', async () => broken())).rejects.toThrow('broken');
  });
});

describe('spans that are recorded', () => {
  const exporter = new tracing.InMemorySpanExporter();
  const provider = new node.NodeTracerProvider({ spanProcessors: [new tracing.SimpleSpanProcessor(exporter)], sampler: new tracing.ParentBasedSampler({ root: new tracing.AlwaysOnSampler() }) });
  const finished = () => Object.fromEntries(exporter.getFinishedSpans().map((span) => [span.name, span]));

  beforeAll(() => provider.register());
  afterAll(() => provider.shutdown());

  it('lie within each other, in work that waits and in work that does not', async () => {
    await run('outer', async () => {
      inSpanNow('now', context.active(), SpanKind.INTERNAL, () => expect(currentTraceparent()).toContain(trace.getActiveSpan()!.spanContext().spanId));
      await run('later', async () => undefined);
    });
    const { outer, now, later } = finished();
    expect(now?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
    expect(later?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
  });

  it('say when their work failed', async () => {
    await expect(run('failing', async () => broken())).rejects.toThrow('broken');
    expect(() => inSpanNow('failing now', context.active(), SpanKind.INTERNAL, broken)).toThrow('broken');
    for (const name of ['failing', 'failing now']) expect(finished()[name]?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'broken' });
  });

  it('carry on the trace of a caller who does not want it recorded', async () => {
    const parent = contextOfTraceparent('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00');
    const carried = await inSpan('unsampled', parent, SpanKind.SERVER, async () => currentTraceparent());
    expect(carried).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/);
    expect(finished()['unsampled']).toBeUndefined();
  });
});
