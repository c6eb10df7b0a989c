import type { Attributes, Meter } from '@opentelemetry/api';
import { describe, expect, it } from '@jest/globals';
import { failure } from '#protocol';
import { exampleJob, uuidOf } from '../examples.js';
import { GenAiTelemetry } from './gen-ai-telemetry.js';
import { recorded } from './recorded.js';

describe('metrics of generative AI', () => {
  const told: { name: string; value: number; attributes: Attributes }[] = [];
  const meter = { createHistogram: (name: string) => ({ record: (value: number, attributes: Attributes) => told.push({ name, value, attributes }) }) } as unknown as Meter;
  const telemetry = new GenAiTelemetry(meter);
  const of = (name: string) => told.filter((one) => one.name === name).map(({ value, attributes }) => [value, attributes]);

  it('count what a stream used that was cut, beside why', async () => {
    told.length = 0;
    const cut = recorded(failure('ENGINE_FAILED', 'the answer broke off'), uuidOf(1), { inputTokens: 5, outputTokens: 3 });
    await expect(telemetry.observe(exampleJob(), true, () => Promise.reject(cut))).rejects.toBe(cut);
    const common = { 'gen_ai.operation.name': 'embeddings', 'gen_ai.provider.name': 'mizan', 'gen_ai.request.model': 'embed' };
    expect(of('gen_ai.client.token.usage')).toEqual([[5, { ...common, 'gen_ai.token.type': 'input' }], [3, { ...common, 'gen_ai.token.type': 'output' }]]);
    expect(of('gen_ai.client.operation.duration')).toEqual([[expect.any(Number), { ...common, 'error.type': 'ENGINE_FAILED' }]]);
  });

  it('count nothing of what was refused, and name no model that nobody offers', async () => {
    told.length = 0;
    await expect(telemetry.observe(exampleJob(), false, () => Promise.reject(failure('POLICY_DENIED', 'no')))).rejects.toMatchObject({ code: 'POLICY_DENIED' });
    expect(of('gen_ai.client.token.usage')).toEqual([]);
    expect(told.map(({ attributes }) => attributes)).toEqual([{ 'gen_ai.operation.name': 'embeddings', 'gen_ai.provider.name': 'mizan', 'error.type': 'POLICY_DENIED' }]);
  });
});
