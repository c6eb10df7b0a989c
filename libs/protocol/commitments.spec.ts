import { describe, expect, it } from '@jest/globals';
import { createCipheriv, createHash } from 'node:crypto';
import fc from 'fast-check';
import { canonicalJson } from '#kernel';
import type { Json } from '#kernel';
import { commit, commitField, commitmentRoot, unchanging } from './index.js';

const secret = new Uint8Array(32).fill(7);
const fieldsOf = fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue({ noUnicodeString: false }) as fc.Arbitrary<Json>, { maxKeys: 12, noNullPrototype: true });
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Version 2 as the guide to verifying words it. */
function byTheGuide(fields: Record<string, Json>): string {
  const names = Object.keys(fields).sort();
  const salts = createCipheriv('aes-256-ctr', secret, Buffer.alloc(16)).update(Buffer.alloc(16 * names.length));
  return sha256(names.map((name, at) => sha256(`${salts.toString('hex', 16 * at, 16 * at + 16)}${name}\0${canonicalJson(fields[name]!)}`)).join(''));
}

describe('commitments', () => {
  it('are what the guide says, for any fields', () => {
    fc.assert(
      fc.property(fieldsOf, (fields) => {
        const { root, json } = commit(secret, fields);
        expect(root).toBe(byTheGuide(fields));
        expect(json).toBe(canonicalJson(fields));
      }),
    );
  });

  it('of fields in parts are those of all of them together, where the last of one name counts', () => {
    fc.assert(
      fc.property(fc.array(fieldsOf, { minLength: 1, maxLength: 4 }), (parts) => {
        expect(commit(secret, ...parts)).toEqual(commit(secret, Object.fromEntries(parts.flatMap((part) => Object.entries(part)))));
      }),
      { examples: [[[JSON.parse(`{"__proto__":{}}`) as Record<string, Json>, {}]]] },
    );
    // Names that would read alike when they are only put one after the other.
    expect(commit(secret, { a: 1, 'b1:c': 2 }).json).toBe('{"a":1,"b1:c":2}');
    expect(commit(secret, { 'a1:b': 1, c: 2 }).json).toBe('{"a1:b":1,"c":2}');
    expect(commit(secret, { a: 1 }, { a: undefined } as unknown as Record<string, Json>).json).toBe('{}');
  });

  it('of a value whose text is kept are those of any other', () => {
    const machine = { region: 'eu', name: 'a' };
    expect(commit(secret, { machine: unchanging({ ...machine }) })).toEqual(commit(secret, { machine }));
  });

  it('do not depend on the order in which fields stand, and leave out what is undefined', () => {
    const { root } = commit(secret, { a: 1, b: 'x' });
    expect(commit(secret, { b: 'x', a: 1 }).root).toBe(root);
    expect(commit(secret, { b: 'x', a: 1, c: undefined } as unknown as Record<string, Json>).root).toBe(root);
  });

  it('differ for another name, value or secret', () => {
    const roots = [commit(secret, { a: 'b' }), commit(secret, { ab: '' }), commit(secret, { a: 'c' }), commit(new Uint8Array(32), { a: 'b' })].map(({ root }) => root);
    expect(new Set(roots).size).toBe(4);
  });

  it('have salts of their own: equal values of two fields do not show as equal', () => {
    const [first, second] = [commit(secret, { a: 'x' }), commit(secret, { a: 'x', b: 'x' })];
    expect(first.root).not.toBe(second.root);
  });

  it('of version 1 are those of the published vector, and still give a root', () => {
    expect(commitField(new Uint8Array(16).fill(7), 'subject', 'alice@example.com')).toBe('d0c3031bf024371f505e7299621b1a7525ea38653f70ad8be0d3432895bd450d');
    expect(commitmentRoot(1, secret, { a: 1 })).not.toBe(commitmentRoot(2, secret, { a: 1 }));
  });
});
