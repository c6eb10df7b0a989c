import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from './eventually.js';
import { collector, oneStack } from './one-stack.js';
import { stackMs } from './standalone-stack.js';
import type { StandaloneStack } from './standalone-stack.js';

describe('telemetry', () => {
  let stack: StandaloneStack;

  beforeAll(async () => {
    stack = await oneStack();
  }, stackMs);

  // The stack works on, and tells of it.
  afterAll(() => collector.keepNoMore());

  it('is one trace from the HTTP request through NATS to the node, the ledger and the log, and carries no word of the prompt', async () => {
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
    const callersSpan = '00f067aa0ba902b7';
    const answer = await stack.rest().send('POST', '/v1/embeddings', { model: 'universal-sentence-encoder-lite', input: 'a sentence about aubergines' }, { traceparent: `00-${traceId}-${callersSpan}-01` });
    expect(answer.status).toBe(200);
    const services = ['mizan-gateway', 'mizan-node', 'mizan-billing', 'mizan-governance'];
    const works = ['ledger book', 'log append'];
    await eventually('spans of every service, all below the caller’s own', (saw) => {
      const spans = collector.spans.filter((span) => span.traceId === traceId);
      const ids = new Set(spans.map(({ spanId }) => spanId));
      const strangers = spans.filter(({ parentSpanId }) => parentSpanId !== callersSpan && !ids.has(parentSpanId ?? ''));
      saw({ spans: spans.map(({ service, name }) => `${service} ${name}`), strangers });
      const all = services.every((service) => spans.some((span) => span.service === service)) && works.every((work) => spans.some(({ name }) => name === work));
      return all && strangers.length === 0 ? true : undefined;
    });
    const model = 'universal-sentence-encoder-lite';
    const common = { 'gen_ai.operation.name': 'embeddings', 'gen_ai.provider.name': 'mizan', 'gen_ai.request.model': model };
    const call = collector.spans.find((span) => span.traceId === traceId && span.name === `embeddings ${model}`);
    expect(call).toMatchObject({ service: 'mizan-gateway', kind: 3, attributes: { ...common, 'gen_ai.response.model': model, 'gen_ai.usage.input_tokens': expect.any(Number) as unknown, 'gen_ai.usage.output_tokens': 0 } });
    await eventually('its histograms', (saw) => {
      const names = collector.points.filter(({ attributes }) => attributes['gen_ai.request.model'] === model).map(({ name, unit }) => `${name} ${unit}`);
      saw(names);
      return names.includes('gen_ai.client.operation.duration s') && names.includes('gen_ai.client.token.usage {token}') ? true : undefined;
    });
    expect(collector.points.find(({ name }) => name === 'gen_ai.client.token.usage')).toMatchObject({ bounds: [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864], attributes: { ...common, 'gen_ai.token.type': 'input' } });
    expect(collector.text).not.toContain('aubergine');
  });

  it('[55] has no model that nobody offers in it, which is whatever the caller wrote', async () => {
    const traceId = '5bf92f3577b34da6a3ce929d0e0e4737';
    const answer = await stack.rest().send('POST', '/v1/embeddings', { model: 'a model of courgettes', input: 'a' }, { traceparent: `00-${traceId}-00f067aa0ba902b8-01` });
    expect(answer.error?.code).toBe('MODEL_NOT_FOUND');
    const failed = await eventually('its span', () => Promise.resolve(collector.spans.find((span) => span.traceId === traceId && span.name === 'embeddings')));
    expect(failed.attributes).toMatchObject({ 'gen_ai.operation.name': 'embeddings', 'error.type': 'MODEL_NOT_FOUND' });
    expect(failed.attributes).not.toHaveProperty(['gen_ai.request.model']);
    await eventually('its duration', () => Promise.resolve(collector.points.find(({ attributes }) => attributes['error.type'] === 'MODEL_NOT_FOUND')));
    expect(collector.text).not.toContain('courgette');
  });
});
