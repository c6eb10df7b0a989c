import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '#kernel';
import type { Json } from '#kernel';
import { narrowBody } from './shown-body.js';
import { exampleBundle, exampleText } from './bundle-harness.js';
import { formatBundle } from './bundle.js';
import type { Bundle, BundleBody, WholeBody } from './bundle.js';
import { nodeCrypto } from './node-crypto.js';
import { plainBundle } from './plain-bundle.js';
import { anyBundle } from './read-bundle.js';

const measured = { quantities: { images: 2 }, prices: { images: 40_000_000n } };
const withBodies = (bundle: Bundle, change: (body: WholeBody) => BundleBody | null): Bundle => ({ ...bundle, entries: bundle.entries.map((entry) => ({ ...entry, body: change(entry.body as WholeBody) })) });
const withFields = (fields: Record<string, Json>): Bundle => withBodies(exampleBundle(), (body) => ({ ...body, fields }));

/** What is read by hand is what the general way reads, and what that refuses is not read by hand. */
function readsAlike(text: string): boolean {
  const plain = plainBundle(text);
  if (plain !== undefined) expect(plain.bundle).toEqual(anyBundle(text));
  return plain !== undefined;
}

describe('a bundle that is written as usual', () => {
  it('is read by hand, whatever its bodies are', () => {
    const narrowed = withBodies(exampleBundle(), (body) => narrowBody(nodeCrypto, 'x/2', body, new Set(['model', 'hash'])));
    const closed = withBodies(exampleBundle(), () => null);
    for (const text of [exampleText(), exampleText({ about: 'shown' }), exampleText({ about: 'erased' }), exampleText({ measured }), formatBundle(narrowed), formatBundle(closed)]) expect(readsAlike(text)).toBe(true);
  });

  it('gives the fields of each body as they are written, in the order of their names', () => {
    const bundle = exampleBundle({ about: 'shown' });
    const texts = bundle.entries.map(({ body }) => Object.entries((body as WholeBody).fields).sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => canonicalJson(value)));
    expect(plainBundle(formatBundle(bundle))!.fieldTexts).toEqual(texts);
  });

  it('may hold any values, and is not read by hand with a name that no member can be assigned to', () => {
    fc.assert(fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), (fields) => readsAlike(formatBundle(withFields(fields as Record<string, Json>))) || Object.hasOwn(fields, '__proto__')), { numRuns: 300 });
    expect(readsAlike(formatBundle(withFields(JSON.parse('{"__proto__":{"a":1}}') as Record<string, Json>)))).toBe(false);
  });

  it('is not read by hand with a bit changed that makes it no bundle', () => {
    const bytes = Buffer.from(formatBundle(withFields({ a: -1.5e-9, b: [1, { c: 'é\n"\\', d: null }], e: true, f: false })));
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), fc.constantFrom('change', 'cut', 'double'), (bit, how) => {
        const at = bit >> 3;
        const changed = Buffer.from(bytes);
        changed[at]! ^= 1 << (bit & 7);
        const text = how === 'change' ? changed : how === 'cut' ? bytes.subarray(0, at) : Buffer.concat([bytes.subarray(0, at), bytes.subarray(at - 1)]);
        readsAlike(text.toString());
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([
    ['a number in another form', '-1.5e-9', '-0.0000000015'],
    ['a number beyond all numbers', '-1.5e-9', '-1e999'],
    ['no number', '-1.5e-9', '-'],
    ['an escape that is not needed', 'plain', '\\u0070lain'],
    ['half of a pair as it is', 'plain', '\ud800'],
    ['a control character', 'plain', '\t'],
    ['a name twice', '"b":', '"a":1,"b":'],
    ['names in another order', '"a":', '"z":1,"a":'],
    ['a space', '"a":', '"a": '],
    ['a comma at the end', '"plain"', '"plain",'],
  ])('is refused with %s', (_, from, to) => {
    const text = formatBundle(withFields({ a: -1.5e-9, b: 'plain' }));
    expect(readsAlike(text)).toBe(true);
    const changed = text.replace(from, to);
    expect(changed).not.toBe(text);
    expect(plainBundle(changed)).toBeUndefined();
    expect(() => anyBundle(changed)).toThrow();
  });
});
