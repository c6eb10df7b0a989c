import { createHash, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { SystemClock, SystemIds } from '#kernel';
import { signReceipt } from '#protocol';
import type { JobRequest } from './job.js';
import { checkReceipt } from './receipt-check.js';

const ids = new SystemIds(new SystemClock());
const identity = generateKeyPairSync('ed25519');
const [node, offer, record] = [ids.uuid(), ids.uuid(), ids.uuid()];
const usage = { inputTokens: 1, outputTokens: 0 };
const [request, response] = [Buffer.from('question'), Buffer.from('answer')];
const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const job: JobRequest = {
  node,
  nodePublicKey: identity.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex'),
  record,
  offer,
  model: 'm',
  endpoint: 'embeddings',
  body: request,
  deadlineMs: 0,
};
const truth = { v: 1, record, node, offer, model: 'm', endpoint: 'embeddings', requestHash: hash(request), responseHash: hash(response), usage, startedAtMs: 1, endedAtMs: 2 } as const;

describe('a receipt', () => {
  it('is accepted when it says what happened', () => {
    expect(() => checkReceipt(signReceipt(truth, identity.privateKey), job, hash(response), usage)).not.toThrow();
  });

  it.each([
    ['another request', { requestHash: '0'.repeat(64) }],
    ['another answer', { responseHash: '0'.repeat(64) }],
    ['another record', { record: ids.uuid() }],
    ['another node', { node: ids.uuid() }],
    ['another offer', { offer: ids.uuid() }],
    ['another model', { model: 'cheap' }],
    ['another endpoint', { endpoint: 'chat.completions' as const }],
    ['more usage', { usage: { inputTokens: 2, outputTokens: 0 } }],
  ])('is NODE_PROTOCOL when it is about %s', (_what, lie) => {
    expect(() => checkReceipt(signReceipt({ ...truth, ...lie }, identity.privateKey), job, hash(response), usage)).toThrow(expect.objectContaining({ code: 'NODE_PROTOCOL' }));
  });

  it('is NODE_PROTOCOL when another key signed it, or a byte of it was changed', () => {
    const rejected = expect.objectContaining({ code: 'NODE_PROTOCOL' });
    expect(() => checkReceipt(signReceipt(truth, generateKeyPairSync('ed25519').privateKey), job, hash(response), usage)).toThrow(rejected);
    const signed = signReceipt(truth, identity.privateKey);
    const bytes = Buffer.from(signed.bytes, 'base64');
    bytes[20]! ^= 1;
    expect(() => checkReceipt({ ...signed, bytes: bytes.toString('base64') }, job, hash(response), usage)).toThrow(rejected);
  });
});
