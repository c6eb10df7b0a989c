import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Json } from '#kernel';
import { readControl } from './control.js';
import type { ControlType } from './control.js';
import { FrameType } from './frame.js';
import { isPlainHeader } from './plain-control.js';

const receipt = { bytes: Buffer.alloc(400, 7).toString('base64'), signature: Buffer.alloc(64, 9).toString('base64') };
const usual: readonly (readonly [ControlType, Record<string, Json>])[] = [
  [FrameType.open, { record: randomUUID(), offer: randomUUID(), model: 'm', endpoint: 'embeddings', bodyBytes: 12, remainingMs: 60_000, joins: true }],
  [FrameType.open, { record: randomUUID(), offer: randomUUID(), model: 'm', endpoint: 'chat.completions', bodyBytes: 0, remainingMs: 1, joins: true, cacheSalt: 'ab', worthNanos: '17' }],
  [FrameType.accept, { joins: true }],
  [FrameType.head, { status: 200, contentType: 'application/json' }],
  [FrameType.end, { usage: { inputTokens: 1, outputTokens: 0 }, receipt }],
];
const odd = fc.oneof(
  fc.constantFrom<Json>(null, true, false, 0, -1, 1.5, 199, 200, 599, 600, 2 ** 53, 86_400_000, 86_400_001, '', 'AA==', 'A===', '-1', '1'.repeat(20), 'embeddings', [], {}, { inputTokens: 1, outputTokens: 2, meters: {} }, { inputTokens: -1, outputTokens: 2 }, { ...receipt, more: 1 }, { bytes: 'AA', signature: '' }),
  fc.constantFrom<Json>(randomUUID().toUpperCase(), 'x'.repeat(128), 'x'.repeat(129), 'x'.repeat(200), 'x'.repeat(201), { ...receipt, bytes: 'A'.repeat(4_100) }, { ...receipt, signature: 'A'.repeat(92) }),
);

/** As if it were of some other type: the schema alone reads it then. */
const bySchema = (type: ControlType, header: Json): unknown => {
  try {
    // A member that is unknown is left out by every schema, and by no hand.
    return readControl(type, { type, job: 1, payload: Buffer.from(JSON.stringify(typeof header === 'object' && header !== null && !Array.isArray(header) ? { ...header, unknown: 1 } : header)) });
  } catch {
    return 'refused';
  }
};

describe('a header that is taken as it is', () => {
  it.each(usual)('of type %s is what the schema makes of it', (type, header) => {
    expect(isPlainHeader(type, header)).toBe(true);
    expect(bySchema(type, header)).toEqual(header);
  });

  it('is none that the schema would refuse, or give back as something else', () => {
    fc.assert(
      fc.property(fc.constantFrom(...usual), fc.nat(), fc.constantFrom('set', 'drop', 'add'), odd, ([type, header], at, change, to) => {
        const name = Object.keys(header)[at % Object.keys(header).length]!;
        const other = { ...header };
        if (change === 'set') other[name] = to;
        else if (change === 'drop') delete other[name];
        else other['extra'] = to;
        if (isPlainHeader(type, other)) expect(bySchema(type, other)).toEqual(other);
      }),
      { numRuns: 5_000 },
    );
  });
});
