import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { node, tracing } from '@opentelemetry/sdk-node';
import fastify from 'fastify';
import { TraceRequest } from './trace-request.js';

const parent = { traceId: 'ab'.repeat(16), spanId: 'cd'.repeat(8) };

describe('the span of a request', () => {
  const exporter = new tracing.InMemorySpanExporter();
  const provider = new node.NodeTracerProvider({ spanProcessors: [new tracing.SimpleSpanProcessor(exporter)] });
  const app = fastify();
  const seen: (string | undefined)[] = [];

  beforeAll(async () => {
    provider.register();
    new TraceRequest({ httpAdapter: { getInstance: () => app } } as never);
    app.post('/v1/models/:model', async (request) => {
      // Also in what the handler waits for.
      await new Promise(setImmediate);
      seen.push(trace.getActiveSpan()?.spanContext().spanId);
      if ((request.body as { fails: boolean }).fails) request.failedWith = 'NO_OFFER';
      return {};
    });
    await app.listen();
  });
  afterAll(async () => {
    await app.close();
    await provider.shutdown();
  });

  const post = async (fails: boolean): Promise<void> => {
    const { port } = app.server.address() as { port: number };
    const headers = { 'content-type': 'application/json', traceparent: `00-${parent.traceId}-${parent.spanId}-01` };
    await (await fetch(`http://127.0.0.1:${port}/v1/models/a-secret-name`, { method: 'POST', headers, body: JSON.stringify({ fails }) })).text();
  };

  it('continues the caller’s trace, is named by the route, and is what the handler runs in', async () => {
    await post(false);
    const [span] = exporter.getFinishedSpans();
    expect(span).toMatchObject({ name: 'POST /v1/models/:model', kind: SpanKind.SERVER, parentSpanContext: { spanId: parent.spanId }, status: { code: SpanStatusCode.UNSET } });
    expect(span!.spanContext()).toMatchObject({ traceId: parent.traceId, spanId: seen[0] });
  });

  it('says which error answered', async () => {
    await post(true);
    expect(exporter.getFinishedSpans().at(-1)!.status).toEqual({ code: SpanStatusCode.ERROR, message: 'NO_OFFER' });
  });
});
