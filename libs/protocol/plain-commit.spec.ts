import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { z } from 'zod';
import { envelope, generateSealKeys, operatorRecord, parseEnvelope, plainCommit, recordCommit, Sealer, sealRecord } from './index.js';
import type { RecordFacts, SearchTerms } from './index.js';

type Json = z.core.util.JSONType;

const sha = 'ab'.repeat(32);
const tenant = { tenant: randomUUID(), pseudonym: sha };
const sealer = new Sealer(generateSealKeys().publicKey, randomUUID());
const facts: RecordFacts = {
  kind: 'admitted', record: randomUUID(), tenant: tenant.tenant, project: randomUUID(), keyId: randomUUID(), gateway: 'g', budget: randomUUID(), lease: randomUUID(), fence: 1, holdNanos: 12_345_678_901_234n,
  offer: randomUUID(), node: randomUUID(), priceVersion: randomUUID(), policyVersion: 3, model: 'm', endpoint: 'embeddings', dataClass: 'internal', requestHash: sha, admittedAtMs: 1, deadlineMs: 2,
};
const search: SearchTerms = {
  project: randomUUID(), keyId: randomUUID(), model: 'm', endpoint: 'embeddings', dataClass: 'internal', decision: 'permit', policyVersion: 3, policy: 'eu', morePolicies: ['us', 'x'], network: 'mizan', region: 'eu', node: randomUUID(),
  costNanos: '-12', personKey: randomUUID(),
};
const wire = (commit: z.output<typeof recordCommit>): Json => JSON.parse(JSON.stringify(recordCommit.encode(commit))) as Json;
const record = (more: object = {}) => sealRecord({ id: randomUUID(), type: 'admitted', timeMs: 1_767_225_600_123, fields: { a: 1 }, facts, search, number: { gateway: 'g', run: randomUUID(), number: 7 }, traceparent: 'x'.repeat(55), ...more }, tenant, sealer);
const sample = wire({ v: 1, records: [record(), record({ facts: null, search: {}, number: undefined, traceparent: undefined }), { ...record(), body: null, tenant: null }] });

/** Everything that a commit says at one place or another, and what is nearly it. */
const odd = fc.oneof(
  fc.constantFrom<Json>(null, true, 0, 1, -1, 1.5, 2 ** 53, 65, '', 'A', 'AAAA', 'AAA=', 'AA==', 'A===', 'AA=A', '-_AA', '\u0141AAA', 'permit', 'completed', 'internal', '12', '1.5', '9'.repeat(19), [], {}, ['x'], [7], ['x'.repeat(201)], Array<Json>(64).fill('p')),
  fc.constantFrom<Json>(randomUUID(), randomUUID().toUpperCase(), '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '018f0000-0000-9000-8000-000000000000', '018f0000-0000-7000-c000-000000000000'),
  fc.integer({ min: 60, max: 66 }).map((length) => 'y'.repeat(length)),
  fc.integer({ min: 199, max: 202 }).map((length) => 'é'.repeat(length)),
  fc.string({ maxLength: 4 }),
);

/** A copy with one place of it changed: something else there, nothing, or one more member. */
function changed(value: Json, path: readonly number[], change: 'set' | 'drop' | 'add', to: Json, name: string): Json {
  const copy = structuredClone(value);
  let at = copy as Record<string, Json>;
  let key = 'records';
  for (const step of path) {
    const inner = at[key];
    if (typeof inner !== 'object' || inner === null || Object.keys(inner).length === 0) break;
    at = inner as Record<string, Json>;
    key = Object.keys(at)[step % Object.keys(at).length]!;
  }
  if (change === 'set') at[key] = to;
  else if (change === 'drop') delete at[key];
  else Object.defineProperty(at, name, { value: to, enumerable: true });
  return JSON.parse(JSON.stringify(copy)) as Json;
}

describe('a commit that is taken as it is', () => {
  it('is what the schema makes of it', () => {
    expect(plainCommit(sample)).toEqual(recordCommit.decode(sample as never));
  });

  it('is none that the schema would refuse, or give back as something else', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.array(fc.nat(40), { minLength: 0, maxLength: 4 }), fc.constantFrom('set', 'set', 'drop', 'add'), odd, fc.constantFrom('extra', '__proto__', 'search', 'decision', 'traceparent'), (path, change, to, name) => {
        const json = changed(sample, path, change, to, name);
        const plain = plainCommit(json);
        if (plain === undefined) return;
        taken += 1;
        expect(plain).toEqual(recordCommit.decode(json as never));
      }),
      { numRuns: 5_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  it('leaves public fields and whole commits out of bounds to the schema', () => {
    const operators = operatorRecord({ id: randomUUID(), type: 'price.set', timeMs: 0, fields: { a: 1 }, facts: null });
    expect(plainCommit(wire({ v: 1, records: [operators] }))).toBeUndefined();
    for (const count of [0, 65]) expect(plainCommit({ v: 1, records: Array.from({ length: count }, () => (sample as { records: Json[] }).records[0]) })).toBeUndefined();
  });
});

const orRefused = (work: () => unknown): unknown => {
  try {
    return work();
  } catch {
    return 'refused';
  }
};

describe('an envelope', () => {
  const text = Buffer.from(record().envelope, 'base64').toString();
  const bySchema = (other: string): unknown => orRefused(() => envelope.parse(JSON.parse(Buffer.from(other).toString())));

  it('is read from its usual text as its schema reads it, and from no other text', () => {
    expect(parseEnvelope(Buffer.from(text))).toEqual(bySchema(text));
    fc.assert(
      fc.property(fc.nat(text.length), fc.integer({ min: 0, max: 3 }), fc.oneof(fc.stringMatching(/^[0-9a-zA-Z:.,"{}T\-/ ]{0,3}$/), fc.string({ maxLength: 2 })), (at, length, put) => {
        const other = text.slice(0, at) + put + text.slice(at + length);
        expect(orRefused(() => parseEnvelope(Buffer.from(other)))).toEqual(bySchema(other));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each(['2024-02-29T23:59:59.999Z', '2023-02-29T00:00:00.000Z', '2026-13-01T00:00:00.000Z', '2026-01-01T24:00:00.000Z', '2026-04-31T00:00:00.000Z', '0000-01-01T00:00:00.000Z', '2026-06-30T23:59:60.000Z'])('of %s is as right as its schema says', (time) => {
    const timed = text.replace(/"time":"[^"]*"/, `"time":"${time}"`);
    expect(orRefused(() => parseEnvelope(Buffer.from(timed)))).toEqual(bySchema(timed));
  });
});
