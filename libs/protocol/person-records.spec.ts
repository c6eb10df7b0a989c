import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Json } from '#kernel';
import { nodeCrypto } from '#merkle';
import { bodyRoot } from '../merkle/body-root.js';
import { bodyMatchesEnvelope, generateSealKeys, openStoredBody, parseEnvelope, Sealer, sealRecord, withPerson } from './index.js';
import type { RecordBody } from './index.js';

const id = '018f0000-0000-7000-8000-000000000001';
const tenant = { tenant: '018f0000-0000-7000-8000-000000000002', pseudonym: 'ab'.repeat(32) };
const [sealKeys, personKeys] = [generateSealKeys(), generateSealKeys()];
const sealer = new Sealer(sealKeys.publicKey, '018f0000-0000-7000-8000-000000000003');
const person = new Sealer(personKeys.publicKey, '018f0000-0000-7000-8000-000000000004');
/** But `__proto__` as a name, which readers leave out. */
const anything = fc.record({ subject: fc.string(), tags: fc.array(fc.string(), { minLength: 1 }), model: fc.string(), Zürich: fc.jsonValue(), a: fc.jsonValue() }).filter((fields) => !JSON.stringify(fields).includes('__proto__'));
const fieldsNow = { subject: 'c-17', tags: ['sender:a@b.org'], model: 'm', requestHash: 'ff' };
const recordOf = (fields: Readonly<Record<string, Json>>) => sealRecord({ id, type: 'refused', timeMs: 0, fields, facts: null }, tenant, sealer, person);

function opened(fields: Readonly<Record<string, Json>>) {
  const record = recordOf(fields);
  const stored = openStoredBody(id, 'refused', record.body!, sealKeys.privateKey);
  return { record, envelope: parseEnvelope(Buffer.from(record.envelope, 'base64')), stored, whole: withPerson(id, 'refused', stored, personKeys.privateKey), erased: withPerson(id, 'refused', stored, undefined) };
}

/** What a verifier without this library computes. */
const rootOf = ({ secret, fields, person: part }: RecordBody): string => bodyRoot(nodeCrypto, 'mizan.record.refused/3', Buffer.from(secret, 'base64'), fields, part);

describe('a record about a person', () => {
  it('is what its entry commits to, with what names the person and without', () => {
    fc.assert(
      fc.property(anything, (fields) => {
        const { envelope, whole, erased } = opened(fields);
        expect(envelope.schema).toBe('mizan.record.refused/3');
        expect(whole.fields).toEqual(JSON.parse(JSON.stringify(fields)));
        expect(Object.keys(erased.fields).sort()).toEqual(['Zürich', 'a', 'model'].sort());
        expect([bodyMatchesEnvelope(whole, envelope), bodyMatchesEnvelope(erased, envelope)]).toEqual([true, true]);
        expect([rootOf(whole), rootOf(erased)]).toEqual([envelope.root, envelope.root]);
      }),
      { numRuns: 60 },
    );
  });

  it('names the person under their key alone', () => {
    const { record, stored, whole } = opened(fieldsNow);
    expect(JSON.stringify(stored)).not.toMatch(/c-17|a@b\.org/);
    expect(whole.person).toMatchObject({ keyId: person.sealKeyId, commitments: { subject: expect.any(String), tags: expect.any(String) } });
    expect(record.search).toMatchObject({ model: 'm', personKey: person.sealKeyId });
    expect(JSON.stringify(record.search)).not.toContain('c-17');
    expect(() => withPerson(id, 'refused', stored, generateSealKeys().privateKey)).toThrow();
    expect(() => withPerson(id, 'admitted', stored, personKeys.privateKey)).toThrow();
  });

  it('does not match after any change: of what is left, of a commitment, or of what is put in the place of what is erased', () => {
    const { envelope, whole, erased } = opened(fieldsNow);
    const part = erased.person!;
    const renamed = ({ subject, ...rest }: Record<string, string>) => ({ rubject: subject!, ...rest });
    const changed: RecordBody[] = [
      { ...erased, person: { ...part, commitments: renamed(part.commitments) } },
      { ...whole, fields: { ...whole.fields, subject: 'c-18' } },
      { ...erased, fields: { ...erased.fields, model: 'n' } },
      { ...erased, fields: { ...erased.fields, subject: 'c-17' } },
      { ...erased, fields: { ...erased.fields, more: 1 } },
      { ...erased, person: { ...part, commitments: { ...part.commitments, subject: 'ab'.repeat(32) } } },
      { ...erased, person: { ...part, commitments: { tags: part.commitments['tags']! } } },
      { ...whole, person: { ...whole.person!, secret: Buffer.alloc(32).toString('base64') } },
      { secret: whole.secret, fields: whole.fields },
    ];
    for (const body of changed) {
      expect(bodyMatchesEnvelope(body, envelope)).toBe(false);
      const root = ((): string => { try { return rootOf(body); } catch { return 'refused'; } })();
      expect(root).not.toBe(envelope.root);
    }
  });

  it('says nothing of a person by which a guess could be tried once their secret is gone', () => {
    const [one, two] = [opened(fieldsNow), opened(fieldsNow)];
    expect(one.erased.person!.commitments['subject']).not.toBe(two.erased.person!.commitments['subject']);
    // With the other secret, which is left, the right guess does not open the commitment.
    expect(bodyMatchesEnvelope({ ...one.whole, person: { ...one.whole.person!, secret: one.whole.secret } }, one.envelope)).toBe(false);
  });

  it('costs nothing where nobody is named: such a body is as it always was', () => {
    const record = sealRecord({ id, type: 'refused', timeMs: 0, fields: { ...fieldsNow, subject: null }, facts: null }, tenant, sealer);
    expect(parseEnvelope(Buffer.from(record.envelope, 'base64')).schema).toBe('mizan.record.refused/2');
    expect(openStoredBody(id, 'refused', record.body!, sealKeys.privateKey).person).toBeUndefined();
  });
});
