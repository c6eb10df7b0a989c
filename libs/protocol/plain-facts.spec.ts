import { describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { isPlainReceiptBody } from './plain-receipt.js';
import { encodeFacts, plainFacts, receiptBody, recordFacts } from './index.js';
import type { RecordFacts } from './index.js';

const sha = 'ab'.repeat(32);
const id = randomUUID();
const admitted: RecordFacts = {
  kind: 'admitted', record: id, tenant: randomUUID(), project: randomUUID(), keyId: randomUUID(), gateway: 'g', budget: randomUUID(), lease: randomUUID(), fence: 1, holdNanos: 12_345_678_901_234n, offer: randomUUID(),
  node: randomUUID(), priceVersion: randomUUID(), policyVersion: 3, model: 'm', endpoint: 'embeddings', dataClass: 'internal', requestHash: sha, admittedAtMs: 1, deadlineMs: 2,
};
const completed: RecordFacts = {
  kind: 'completed', record: id, tenant: randomUUID(), project: randomUUID(), budget: randomUUID(), lease: randomUUID(), offer: randomUUID(), node: randomUUID(), priceVersion: randomUUID(), outcome: 'ok',
  usage: { inputTokens: 1, outputTokens: 2 }, usageSource: 'engine', chargeNanos: -7n, responseHash: sha, attempts: [{ offer: id, node: id, outcome: 'busy', code: 'NODE_BUSY' }, { offer: id, node: id, outcome: 'ok' }],
  receipt: { bytes: 'AAAA', signature: 'AA==' }, completedAtMs: 3, closedBy: 'gateway',
};
const usual = [admitted, { ...admitted, costTags: ['cost:a'] }, completed, { ...completed, receipt: null, responseHash: null, attempts: [] }];
const body = { v: 1, record: id, node: id, offer: id, model: 'm', endpoint: 'embeddings', requestHash: sha, responseHash: sha, usage: { inputTokens: 1, outputTokens: 2 }, startedAtMs: 1, endedAtMs: 2 };

const odd = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, 0, -1, 1.5, 2 ** 53, 0n, 10n ** 19n, 1n - 10n ** 19n, '', 'AA==', 'A===', 'x', 'ok', 'cut', 'busy', 'cost:x', sha, sha.toUpperCase(), id.toUpperCase(), [], {}, ['cost:x'], ['x'], [1], Array<string>(33).fill('cost:')),
  fc.constantFrom<unknown>(
    { inputTokens: 1, outputTokens: 2, meters: {} }, { inputTokens: 1, outputTokens: 2, meters: { images: 1 } }, { inputTokens: 1 }, { inputTokens: -1, outputTokens: 2 }, { bytes: 'A', signature: '' }, { bytes: 'A'.repeat(4_100), signature: '' },
    [{ offer: id, node: id, outcome: 'ok', code: undefined }], [{ offer: id, node: id, outcome: 'ok', more: 1 }], [{ offer: id, node: 'x', outcome: 'ok' }], [{ offer: id, node: id, outcome: 'other' }], [{ kind: 'email', count: 1, action: 'redact' }],
  ),
);

/** A copy with one member set, left out or added. */
const changed = (value: object, at: number, change: 'set' | 'drop' | 'add', to: unknown): object => {
  const copy = { ...value } as Record<string, unknown>;
  const name = Object.keys(copy)[at % Object.keys(copy).length]!;
  if (change === 'set') copy[name] = to;
  else if (change === 'drop') delete copy[name];
  else copy[at % 2 === 0 ? 'answerFindings' : 'extra'] = to;
  return copy;
};
const change = fc.constantFrom('set', 'set', 'drop', 'add');

describe('facts that are written by hand', () => {
  it.each(usual)('are what the schema writes (%#)', (facts) => {
    expect(plainFacts(facts)).toEqual(recordFacts.encode(facts));
  });

  it('are none that the schema would refuse, or write as something else', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.constantFrom(...usual), fc.nat(), change, odd, (facts, at, how, to) => {
        const other = changed(facts, at, how, to) as RecordFacts;
        const plain = plainFacts(other);
        if (plain === undefined) return;
        taken += 1;
        expect(plain).toEqual(recordFacts.encode(other));
      }),
      { numRuns: 5_000 },
    );
    expect(taken).toBeGreaterThan(15); // 62 are expected, give or take 8
  });

  it('go to the schema otherwise, which says what is wrong', () => {
    expect(encodeFacts({ ...completed, usage: { inputTokens: 1, outputTokens: 2, meters: { images: 3 } } })).toMatchObject({ usage: { meters: { images: 3 } } });
    expect(() => encodeFacts({ ...admitted, requestHash: 'x' })).toThrow('SHA-256');
  });
});

describe('what a node signs', () => {
  it('is taken as it is only where its schema gives it back so', () => {
    expect(isPlainReceiptBody(body)).toBe(true);
    fc.assert(
      fc.property(fc.nat(), change, odd, (at, how, to) => {
        const other = changed(body, at, how, to);
        if (isPlainReceiptBody(other)) expect(receiptBody.parse(other)).toEqual(other);
      }),
      { numRuns: 5_000 },
    );
  });
});
