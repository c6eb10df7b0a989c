import { describe, expect, it } from '@jest/globals';
import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { z } from 'zod';
import type { Json } from '#kernel';
import {
  bodyMatchesEnvelope, generateSealKeys, governanceCalls, logRecord, openReceipt, openRecordBody, operatorRecord, pageRequest, parseEnvelope, sealRecord, Sealer, searchTermsOf,
  signedReceipt, signReceipt, uuid,
} from './index.js';
import type { ReceiptBody } from './index.js';

const tenant = { tenant: '0198c0de-0000-7000-8000-00000000000a', pseudonym: 'ab'.repeat(32) };
const id = '0198c0de-0000-7000-8000-000000000001';
const keys = generateSealKeys();
const sealer = new Sealer(keys.publicKey, '0198c0de-0000-7000-8000-00000000000b');
const draft = { id, type: 'refused' as const, timeMs: 1_767_225_600_123, fields: { subject: 'alice@example.com', policies: ['eu-only'] }, facts: null };

describe('an id', () => {
  it('is read in lower case, as databases give it back: one id has one text', () => {
    expect(uuid.parse(id.toUpperCase())).toBe(id);
    expect(z.encode(uuid, id)).toBe(id);
  });
});

describe('what strangers send', () => {
  it('is bounded: a receipt cannot fill the books, a page cannot ask for what no database reads', () => {
    const signature = Buffer.alloc(64).toString('base64');
    expect(signedReceipt.safeParse({ bytes: Buffer.alloc(1_500).toString('base64'), signature }).success).toBe(true);
    expect(signedReceipt.safeParse({ bytes: Buffer.alloc(100_000).toString('base64'), signature }).success).toBe(false);
    expect(pageRequest.safeParse({ after: 'a\u0000' }).success).toBe(false);
    expect(governanceCalls.getPolicy.request.safeParse({ tenant: id, version: 2 ** 31 }).success).toBe(false);
  });
});

describe('a record', () => {
  it('shows an outsider type, time and pseudonym, and nothing of its fields', () => {
    const record = sealRecord(draft, tenant, sealer);
    const entry = parseEnvelope(Buffer.from(record.envelope, 'base64'));
    expect(entry).toMatchObject({ v: 1, id, type: 'refused', time: '2026-01-01T00:00:00.123Z', tenant: tenant.pseudonym });
    expect(JSON.stringify({ ...record, tenant: null })).not.toMatch(/alice|eu-only/);
  });

  it('opens with the tenant’s key and matches its envelope', () => {
    const record = sealRecord(draft, tenant, sealer);
    const body = openRecordBody(id, 'refused', record.body!, keys.privateKey);
    expect(body.fields).toEqual(draft.fields);
    const entry = parseEnvelope(Buffer.from(record.envelope, 'base64'));
    expect(bodyMatchesEnvelope(body, entry)).toBe(true);
    expect(bodyMatchesEnvelope({ ...body, fields: { ...body.fields, subject: 'mallory@example.com' } }, entry)).toBe(false);
  });

  it('cannot be opened with another key, nor moved to another record, nor changed', () => {
    const body = sealRecord(draft, tenant, sealer).body!;
    expect(() => openRecordBody(id, 'refused', body, generateSealKeys().privateKey)).toThrow();
    expect(() => openRecordBody(id, 'admitted', body, keys.privateKey)).toThrow();
    const bytes = Buffer.from(body.ciphertext, 'base64');
    bytes[0]! ^= 1;
    expect(() => openRecordBody(id, 'refused', { ...body, ciphertext: bytes.toString('base64') }, keys.privateKey)).toThrow();
  });

  it('gives the same fields another root each time, so that guessing them is of no use', () => {
    const roots = [sealRecord(draft, tenant, sealer), sealRecord(draft, tenant, sealer)].map((record) => parseEnvelope(Buffer.from(record.envelope, 'base64')).root);
    expect(roots[0]).not.toBe(roots[1]);
  });

  it('is found by what fits and is read whatever else its fields hold', () => {
    const odd = fc.oneof(fc.constantFrom<Json>(id, 'permit', 'internal', 'embeddings', '5', 'x'.repeat(201), -1, 1.5, 2 ** 60, 7, null, true, [], {}, [id], [{ id: 'a' }, { id: 'b' }, { id: 'a' }, { id: 5 }, { id: 'x'.repeat(201) }]), fc.string() as fc.Arbitrary<Json>);
    const names = ['project', 'keyId', 'by', 'model', 'endpoint', 'dataClass', 'decision', 'policyVersion', 'policies', 'chargeNanos', 'principal', 'actor', 'machine'];
    fc.assert(
      fc.property(fc.record(Object.fromEntries(names.map((name) => [name, odd])), { requiredKeys: [] }), (values) => {
        const fields = values as Record<string, Json>;
        for (const record of [operatorRecord({ ...draft, fields }), sealRecord({ ...draft, fields }, tenant, sealer)]) expect(logRecord.safeParse(JSON.parse(JSON.stringify(record))).success).toBe(true);
      }),
    );
    expect(searchTermsOf({ actor: { keyId: id }, policies: [{ id: 'a' }, { id: 'b' }, { id: 'a' }, { id: 'c' }] })).toEqual({ keyId: id, policy: 'a', morePolicies: ['b', 'c'] });
  });

  it('of the deployment itself carries its fields in clear', () => {
    const record = operatorRecord({ ...draft, type: 'node.enrolled', fields: { node: id } });
    expect(record).toMatchObject({ tenant: null, body: null, fields: { node: id } });
  });
});

describe('a receipt', () => {
  const pair = generateKeyPairSync('ed25519');
  const publicKey = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
  const body: ReceiptBody = {
    v: 1, record: id, node: id, offer: id, model: 'm', endpoint: 'embeddings', requestHash: 'a'.repeat(64), responseHash: 'b'.repeat(64),
    usage: { inputTokens: 3, outputTokens: 0 }, startedAtMs: 1, endedAtMs: 2,
  };

  it('opens for the node that signed it', () => {
    expect(openReceipt(signReceipt(body, pair.privateKey), publicKey)).toEqual(body);
  });

  it('does not open when any byte of it, or the key, is another', () => {
    const receipt = signReceipt(body, pair.privateKey);
    const bytes = Buffer.from(receipt.bytes, 'base64');
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      expect(openReceipt({ ...receipt, bytes: changed.toString('base64') }, publicKey)).toBeUndefined();
    }
    const other = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
    expect(openReceipt(receipt, other)).toBeUndefined();
  });
});
