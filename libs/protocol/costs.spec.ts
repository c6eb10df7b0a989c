import { describe, expect, it } from '@jest/globals';
import { costCalls } from './costs.js';
import type { CostLine } from './costs.js';

const id = '11111111-1111-4111-8111-111111111111';
const common = { dayMs: 0, project: id, projectName: 'mail', tenantName: null, keyId: null, model: 'm', endpoint: 'embeddings', offer: id, node: id, nodeName: null, priceVersion: id, priceHash: null, tags: ['cost:a'], invoice: null };
const { listCostLines, listUsage } = costCalls;
const read = (line: object): CostLine => listCostLines.reply.decode({ lines: [{ ...common, amountNanos: '7', ...line }], next: null }).lines[0]!;

describe('costs that books of another release tell', () => {
  it('are read as they are told today', () => {
    const line: CostLine = { ...common, meter: 'audio_ms', quantity: 1_500, priceNanos: 9n, amountNanos: 7n };
    expect(listCostLines.reply.decode(listCostLines.reply.encode({ lines: [line], next: 'n' }))).toEqual({ lines: [line], next: 'n' });
  });

  it.each([
    [{ meter: 'input', tokens: 12, nanosPerMillion: '1500000' }, { meter: 'input_tokens', quantity: 12, priceNanos: 1_500_000n }],
    [{ meter: 'output', tokens: 3, nanosPerMillion: '4' }, { meter: 'output_tokens', quantity: 3, priceNanos: 4n }],
    [{ meter: 'request', tokens: 2, nanosPerMillion: '7000000' }, { meter: 'requests', quantity: 2, priceNanos: 7n }],
    [{ meter: 'credit', tokens: 0, nanosPerMillion: '0' }, { meter: 'credit', quantity: 0, priceNanos: 0n }],
  ])('are read as releases before meters told them: %j', (told, expected) => {
    expect(read(told)).toEqual({ ...common, amountNanos: 7n, ...expected });
  });

  it('keep the amount of what has no name here, and nothing that could be taken for a quantity of something else', () => {
    expect(read({ meter: 'joules', quantity: 5, priceNanos: '3', more: true })).toEqual({ ...common, amountNanos: 7n, meter: 'other', quantity: 0, priceNanos: 0n });
    const sum = { project: null, keyId: null, model: null, tag: null, requests: 1, inputTokens: 0, outputTokens: 0, meters: { images: 2, joules: 5 }, amountNanos: '7' };
    expect(listUsage.reply.decode({ buckets: [{ fromMs: 0, toMs: 1, sums: [sum as never] }], nextMs: null }).buckets[0]!.sums[0]!.meters).toEqual({ images: 2 });
  });

  it('are refused where they are nothing at all', () => {
    for (const line of [{ meter: 'images', quantity: -1, priceNanos: '1' }, { meter: 7, quantity: 1, priceNanos: '1' }, { meter: 'input', tokens: 1 }]) expect(() => read(line)).toThrow();
  });
});
