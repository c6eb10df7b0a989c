import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { exampleBundle, exampleLog } from './bundle-harness.js';
import { formatBundle } from './bundle.js';
import type { Bundle, BundleEntry, ShownBody, WholeBody } from './bundle.js';
import { discloseBundle } from './disclose-bundle.js';
import { nodeCrypto } from './node-crypto.js';
import { verifyBundle } from './verify-bundle.js';
import type { BundleVerdict } from './verify-bundle.js';

const verdictOf = (bundle: Bundle): BundleVerdict => verifyBundle(formatBundle(bundle), nodeCrypto, { logKey: exampleLog.key });
const broken = ({ checks }: BundleVerdict): string[] => checks.filter(({ holds }) => holds === false).map(({ name }) => name);
const holdsOf = (verdict: BundleVerdict, name: string): boolean | null | undefined => verdict.checks.find((check) => check.name === name)?.holds;
const wholes = (bundle: Bundle): WholeBody[] => bundle.entries.flatMap(({ body }) => (body === null ? [] : [body as WholeBody]));
const isShown = (entry: BundleEntry): entry is BundleEntry & { body: ShownBody } => entry.body !== null && 'shown' in entry.body;
const withShown = (bundle: Bundle, at: number, change: (body: ShownBody) => ShownBody): Bundle => ({ ...bundle, entries: bundle.entries.map((entry, n) => (n === at && isShown(entry) ? { ...entry, body: change(entry.body) } : entry)) });
const flipped = (hex: string): string => (hex.startsWith('0') ? '1' : '0') + hex.slice(1);
const ofCharge = ['usage', 'usageSource', 'priceVersion', 'chargeNanos'];

/** Names of all fields of the organisation's own bodies. */
const namesOf = (bundle: Bundle): string[] => [...new Set(bundle.entries.flatMap(({ body }) => (body === null || /^A{43}=$/.test((body as WholeBody).secret) ? [] : Object.keys((body as WholeBody).fields))))];

describe('a bundle that shows some fields', () => {
  it.each(['none', 'shown', 'erased'] as const)('verifies for any fields, and with any value, salt or commitment changed names the entry; about a person: %s', (about) => {
    const whole = exampleBundle(about === 'none' ? {} : { about });
    fc.assert(
      fc.property(fc.subarray(namesOf(whole), { minLength: 1 }), fc.nat(), (names, pick) => {
        const bundle = discloseBundle(nodeCrypto, whole, names);
        const verdict = verdictOf(bundle);
        expect(broken(verdict)).toEqual([]);
        const seen = new Set([...verdict.entries, ...verdict.others].filter(({ tenant }) => tenant !== 'operator').flatMap(({ fields }) => Object.keys(fields ?? {})));
        expect([...seen].sort()).toEqual([...names].sort());
        bundle.entries.forEach((entry, at) => {
          if (!isShown(entry)) return;
          const refused = (change: (body: ShownBody) => ShownBody): void => expect(broken(verdictOf(withShown(bundle, at, change)))).toContain(`entry ${entry.index}`);
          const { shown, commitments } = entry.body;
          const name = Object.keys(shown)[pick % Math.max(1, Object.keys(shown).length)];
          if (name !== undefined) {
            refused((body) => ({ ...body, shown: { ...shown, [name]: { ...shown[name]!, value: ['other', shown[name]!.value] } } }));
            refused((body) => ({ ...body, shown: { ...shown, [name]: { ...shown[name]!, salt: flipped(shown[name]!.salt) } } }));
            refused((body) => ({ ...body, shown: Object.fromEntries(Object.entries(shown).filter(([one]) => one !== name)) }));
          }
          const hidden = commitments.findIndex((one) => one !== null);
          if (hidden >= 0) refused((body) => ({ ...body, commitments: commitments.with(hidden, flipped(commitments[hidden]!)) }));
          refused((body) => ({ ...body, commitments: [...commitments, 'ab'.repeat(32)] }));
        });
      }),
      { numRuns: 60 },
    );
  });

  it('is refused with any bit of it changed', () => {
    const bytes = Buffer.from(formatBundle(discloseBundle(nodeCrypto, exampleBundle({ about: 'shown' }), [...ofCharge, 'subject'])));
    const every = Number(process.env['MIZAN_BUNDLE_BITS_STEP'] ?? 149);
    for (let bit = 0; bit < bytes.length * 8; bit += every) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const verdict = verifyBundle(changed.toString(), nodeCrypto, { logKey: exampleLog.key });
      if (verdict.result !== 'invalid' || broken(verdict).length === 0) throw new Error(`bit ${bit} may change: ${bytes.toString('utf8', (bit >> 3) - 20, (bit >> 3) + 20)}`);
    }
  }, 900_000);

  it('holds no secret, no salt and no value of what is hidden, nor an entry that would tell it', () => {
    const whole = exampleBundle({ about: 'shown' });
    const text = formatBundle(discloseBundle(nodeCrypto, whole, ['decision', 'outcome']));
    for (const { secret, person } of wholes(whole)) for (const one of [secret, person?.secret]) if (typeof one === 'string') expect(text).not.toContain(one);
    for (const value of ['sender:a@b.org', 'internal', 'frankfurt', 'chargeNanos', 'policyHash', 'inputTokens', 'auditRoot']) expect(text).not.toContain(value);
    const types = verdictOf(JSON.parse(text) as Bundle);
    expect([...types.entries, ...types.others].map(({ type }) => type)).toEqual(['admitted', 'completed']);
    const salts = (names: string[]): string[] => discloseBundle(nodeCrypto, whole, names).entries.filter(isShown).flatMap(({ body }) => Object.values(body.shown).map(({ salt }) => salt));
    for (const salt of salts(['model', 'subject', 'usage'])) expect(text).not.toContain(salt);
  });

  it('checks the claims that the shown fields allow, and says of the others that they are not shown', () => {
    const verdict = verdictOf(discloseBundle(nodeCrypto, exampleBundle(), ofCharge));
    expect([verdict.result, ...['charge', 'price', 'policy', 'offers', 'receipt'].map((name) => holdsOf(verdict, name))]).toEqual(['incomplete', true, true, null, null, null]);
    expect(verdict.checks.find(({ name }) => name === 'receipt')!.detail).toContain('not shown: receipt');
    expect(verdict.checks.find(({ name }) => name === 'entry 7')!.detail).toMatch(/shown of its body: chargeNanos, priceVersion, usage, usageSource; hidden: \d+ fields/);
    const lie = verdictOf(discloseBundle(nodeCrypto, exampleBundle({ completed: { chargeNanos: '261' } }), ofCharge));
    expect(broken(lie)).toEqual(['charge']);
    const policy = verdictOf(discloseBundle(nodeCrypto, exampleBundle(), ['policyHash', 'policyVersion', 'version', 'hash', 'text']));
    expect(holdsOf(policy, 'policy')).toBe(true);
  });

  it('is valid when every field is shown', () => {
    const whole = exampleBundle();
    expect(verdictOf(discloseBundle(nodeCrypto, whole, namesOf(whole))).result).toBe('valid');
  });

  it('can be made to show less still, the same as at once, and not more', () => {
    const whole = exampleBundle({ about: 'shown' });
    const some = discloseBundle(nodeCrypto, whole, [...ofCharge, 'subject']);
    expect(formatBundle(discloseBundle(nodeCrypto, some, ofCharge))).toBe(formatBundle(discloseBundle(nodeCrypto, whole, ofCharge)));
    expect(() => discloseBundle(nodeCrypto, some, ['model'])).toThrow('no body in the file has a field "model"');
    expect(() => discloseBundle(nodeCrypto, exampleBundle({ about: 'erased' }), ['subject'])).toThrow('"subject"');
  });
});
