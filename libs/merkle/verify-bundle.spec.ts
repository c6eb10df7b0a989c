import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import fc from 'fast-check';
import { exampleBundle, exampleLog, examplePolicy, exampleText, exampleWitness, operatorsWitness } from './bundle-harness.js';
import type { Lies } from './bundle-harness.js';
import { formatBundle } from './bundle.js';
import type { BundleEntry, WholeBody } from './bundle.js';
import { nodeCrypto, sha256 } from './node-crypto.js';
import { parseBundle } from './read-bundle.js';
import { formatVerifierKey } from './verifier-key.js';
import { verifyBundle } from './verify-bundle.js';
import type { BundleVerdict } from './verify-bundle.js';
import { withWebCrypto } from './web-crypto.js';
import type { Subtle } from './web-crypto.js';
import { parseWitnessPolicy } from './witness-policy.js';

const trust = { logKey: exampleLog.key };
const verdictOf = (text: string, more: object = {}): BundleVerdict => verifyBundle(text, nodeCrypto, { ...trust, ...more });
const broken = ({ checks }: BundleVerdict): string[] => checks.filter(({ holds }) => holds === false).map(({ name, detail }) => `${name}: ${detail}`);
const wholeOf = ({ body }: BundleEntry): WholeBody | null => body as WholeBody | null;
const [vkey, operatorsVkey] = [exampleWitness, operatorsWitness].map(({ key }) => formatVerifierKey(key));

describe('a proof bundle', () => {
  it('is checked in full from the file and the log key alone', () => {
    const verdict = verdictOf(exampleText());
    expect(broken(verdict)).toEqual([]);
    expect(verdict).toMatchObject({ result: 'valid', record: exampleBundle().record, anchor: { size: 8, epoch: 1, chainId: 31337 } });
    expect(verdict.checks.map(({ name }) => name)).toEqual(['file', 'log key', 'checkpoint', 'entry 2', 'entry 3', 'entry 4', 'entry 5', 'entry 6', 'entry 7', 'entry 8', 'state at 8', 'record', 'policy', 'offers', 'price', 'charge', 'receipt', 'anchor']);
    expect(verdict.cosignedBy.map(({ key, own }) => [key.name, own])).toEqual([['witness.example/w1', false], ['mizan.example/witness', true]]);
  });

  it('is not called valid under the key in the file, nor when something that it names is missing', () => {
    expect(verifyBundle(exampleText(), nodeCrypto).result).toBe('incomplete');
    for (const [type, name] of [['policy.published', 'policy'], ['price.set', 'price'], ['node.enrolled', 'receipt'], ['offers.seen', 'offers']] as const) {
      const verdict = verdictOf(exampleText({ without: [type] }));
      expect([verdict.result, verdict.checks.find((check) => check.name === name)?.holds]).toEqual(['incomplete', null]);
    }
    const closed = exampleBundle();
    expect(verdictOf(formatBundle({ ...closed, entries: closed.entries.map((entry) => ({ ...entry, body: null })) })).result).toBe('incomplete');
  });

  it.each<[string, Lies, string]>([
    ['another policy text under the hash', { policy: { text: examplePolicy.replace('EU"', 'US"') } }, 'policy: the policy text has another hash'],
    ['a policy published after the decision', { latePolicy: true }, 'policy: policy.published (entry 7) is not earlier'],
    ['a fee of requests that the hash of its price does not know', { price: { requestNanos: '5' } }, 'price: price version'],
    ['a price that does not hash to its name', { price: { inputNanosPerMillion: '1' } }, 'price: price version'],
    ['a price in the record that is not its version', { admitted: { price: { version: '018f0000-0000-7000-8000-000000000004', inputNanosPerMillion: '1' } } }, 'price: inputNanosPerMillion'],
    ['a charge above usage times price', { completed: { chargeNanos: '261' } }, 'charge: the record charges 261'],
    ['a usage and a price that no amount can hold', { completed: { usage: { inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: 0 } }, price: { inputNanosPerMillion: '9223372036854775807' } }, 'charge: the amount is beyond'],
    ['a usage that the provider did not sign', { receipt: { usage: { inputTokens: 6, outputTokens: 3 } } }, 'receipt: usage of the receipt'],
    ['a receipt of another signer', { completed: { receipt: { bytes: 'e30=', signature: Buffer.alloc(64).toString('base64') } } }, 'receipt: the receipt is not signed'],
    ['other offers than the decision names', { offers: [] }, 'offers: the offers have another hash'],
    ['an anchor of another root', { anchor: { auditRoot: `0x${'0'.repeat(64)}` } }, 'anchor: the anchored root'],
    ['a price under the name of an organisation', { tenants: { 'price.set': 'ab'.repeat(32) } }, 'record: entry 3 (price.set) is not the operator\'s own'],
    ['the policy of another organisation', { tenants: { 'policy.published': 'cd'.repeat(32) } }, 'record: entry 2 (policy.published) is of another organisation than the record'],
    ['the end of the request under another organisation', { tenants: { completed: 'cd'.repeat(32) } }, 'record: entry 7 (completed) is of another organisation than entry 6'],
  ])('is refused, by name, when the operator logged %s', (_, lies, expected) => {
    const verdict = verdictOf(exampleText(lies));
    expect(verdict.result).toBe('invalid');
    expect(broken(verdict).join('\n')).toContain(expected);
  });

  describe('of work that was measured in more than tokens', () => {
    const measured = { quantities: { images: 2, audio_ms: 1_500, cached_tokens: 4 }, prices: { images: 40_000_000n, audio_ms: 100_000n, cached_tokens: 5_000_000n } };

    it('is checked line by line, at a price whose hash covers every meter', () => {
      const verdict = verdictOf(exampleText({ measured }));
      expect([broken(verdict), verdict.result]).toEqual([[], 'valid']);
      expect(verdict.checks.find(({ name }) => name === 'charge')!.detail).toBe('80150200 nano-dollars: 7 + 3 tokens, 4 cached_tokens, 2 images, 1500 audio_ms at the price');
    });

    it.each<[string, Lies, string]>([
      ['more pictures than were signed', { completed: { usage: { inputTokens: 7, outputTokens: 3, meters: { ...measured.quantities, images: 3 } }, chargeNanos: '120150200' } }, 'receipt: usage of the receipt'],
      ['pictures that are charged and not in the usage', { completed: { usage: { inputTokens: 7, outputTokens: 3 } } }, 'charge: the record charges 80150200'],
      ['a price of pictures that the hash of its price does not know', { price: { meters: { images: '50000000' } } }, 'price: price version'],
      ['a meter that nobody knows', { completed: { usage: { inputTokens: 7, outputTokens: 3, meters: { favours: 1 } } } }, 'charge: the usage is measured in favours'],
    ])('is refused when the operator logged %s', (_, lies, expected) => {
      const verdict = verdictOf(exampleText({ measured, ...lies }));
      expect([verdict.result, broken(verdict).join('\n')]).toEqual(['invalid', expect.stringContaining(expected)]);
    });
  });

  it('holds where what names a person is erased, and says what is', () => {
    for (const about of ['shown', 'erased'] as const) {
      const verdict = verdictOf(exampleText({ about }));
      expect([broken(verdict), verdict.result]).toEqual([[], 'valid']);
      expect(verdict.checks.find(({ name }) => name === 'entry 6')!.detail.includes('erased of it: subject, tags')).toBe(about === 'erased');
    }
    const bundle = exampleBundle({ about: 'erased' });
    const changed = (person: object, fields = {}): string => formatBundle({ ...bundle, entries: bundle.entries.map((entry) => (wholeOf(entry)?.person ? { ...entry, body: { ...wholeOf(entry)!, fields: { ...wholeOf(entry)!.fields, ...fields }, person: { ...wholeOf(entry)!.person!, ...person } } } : entry)) });
    for (const text of [changed({ commitments: { subject: 'ab'.repeat(32) } }), changed({ secret: Buffer.alloc(32).toString('base64') }), changed({}, { subject: 'someone' }), changed({}, { model: 'n' })]) {
      expect(broken(verdictOf(text)).join()).toContain('entry 6');
    }
  });

  it('is refused with any bit of it changed, and what does not hold is named', () => {
    const bytes = Buffer.from(exampleText());
    const every = Number(process.env['MIZAN_BUNDLE_BITS_STEP'] ?? 149);
    for (let bit = 0; bit < bytes.length * 8; bit += every) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const verdict = verdictOf(changed.toString());
      if (verdict.result !== 'invalid' || broken(verdict).length === 0) throw new Error(`bit ${bit} may change: ${bytes.toString('utf8', (bit >> 3) - 20, (bit >> 3) + 20)}`);
    }
  }, 900_000);

  it('is refused with any bit changed of the names and commitments of what is erased, which nothing else proves', () => {
    const text = exampleText({ about: 'erased' });
    const [, before, erased] = /^(.*"person":)(\{"commitments":\{[^}]*\})/s.exec(text)!;
    const bytes = Buffer.from(text);
    const from = Buffer.byteLength(before!);
    for (let bit = from * 8; bit < (from + erased!.length) * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      if (verdictOf(changed.toString()).result !== 'invalid') throw new Error(`bit ${bit} may change: ${changed.toString('utf8', (bit >> 3) - 20, (bit >> 3) + 20)}`);
    }
  });

  it('is refused with bytes cut out, put in or doubled', () => {
    const text = exampleText();
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 1, max: 40 }), fc.constantFrom('cut', 'space', 'double'), (at, length, how) => {
        const [before, part, after] = [text.slice(0, at), text.slice(at, at + length), text.slice(at + length)];
        const changed = how === 'cut' ? before + after : how === 'space' ? `${before} ${part}${after}` : before + part + part + after;
        return verdictOf(changed).result === 'invalid';
      }),
      { numRuns: 300 },
    );
  });

  it('may have names that JavaScript puts in another order than its one form does, and no other order than that', () => {
    const bundle = exampleBundle();
    const at = bundle.entries.findIndex(({ body }) => body !== null);
    const withFields = (fields: object): string => formatBundle({ ...bundle, entries: bundle.entries.map((entry, n) => (n === at ? { ...entry, body: { ...wholeOf(entry)!, fields: { ...wholeOf(entry)!.fields, ...fields } } } : entry)) });
    const text = withFields({ 9: 'nine', 10: 'ten', b: { 7: 1, 21: 2 } });
    expect(text).toContain('"10":"ten","9":"nine"');
    expect(wholeOf(parseBundle(text).entries[at]!)!.fields).toMatchObject({ 9: 'nine', 10: 'ten' });
    for (const other of [text.replace('"10":"ten","9":"nine"', '"9":"nine","10":"ten"'), text.replace('{"21":2,"7":1}', '{"7":1,"21":2}'), text.replace('"7":1', '"7":1.0'), text.replace('"7":1', '"7":1,"7":1')]) {
      expect(other).not.toBe(text);
      expect(() => parseBundle(other)).toThrow('one form');
    }
  });

  it('holds for the quorum of the reader, in which a witness of the operator counts as none', () => {
    const policyOf = (...lines: string[]) => ({ policy: parseWitnessPolicy(sha256, [`log ${formatVerifierKey(exampleLog.key)}`, `witness w ${vkey}`, `witness own ${operatorsVkey}`, ...lines, ''].join('\n')) });
    expect(verdictOf(exampleText(), policyOf('quorum w')).result).toBe('valid');
    expect(verdictOf(exampleText(), policyOf('group g any w own', 'quorum g')).result).toBe('valid');
    expect(broken(verdictOf(exampleText(), policyOf('quorum own'))).join()).toContain('too few of the witnesses');
    expect(broken(verdictOf(exampleText(), policyOf('group g all w own', 'quorum g'))).join()).toContain('too few of the witnesses');
    expect(verdictOf(exampleText(), policyOf('quorum none')).result).toBe('valid');
    for (const bad of ['quorum nobody', 'group g 3 w own', 'witness w', 'quorum none\nquorum none']) expect(() => policyOf(bad)).toThrow(/policy/);
  });

  it('continues the state that the reader saw last, or says that it does not', () => {
    const bundle = exampleBundle();
    const root = new Uint8Array(Buffer.from(bundle.earlier[0]!.root, 'base64'));
    const last = { origin: exampleLog.key.name, size: 8, root };
    expect(verdictOf(exampleText(), { last }).result).toBe('valid');
    expect(broken(verdictOf(exampleText(), { last: { ...last, root: root.map((byte) => byte ^ 1) } })).join()).toContain('another root at 8');
    expect(broken(verdictOf(exampleText(), { last: { ...last, size: 5 } })).join()).toContain('since=5');
  });

  it('gives the same verdict on WebCrypto', async () => {
    for (const text of [exampleText(), exampleText({ completed: { chargeNanos: '261' } })]) {
      expect(await withWebCrypto(globalThis.crypto.subtle as unknown as Subtle, (crypto) => verifyBundle(text, crypto, trust))).toEqual(verdictOf(text));
    }
  });

  it('is verified by code that needs nothing but a JavaScript engine', () => {
    const seen = new Set<string>();
    const look = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      for (const { fileName } of ts.preProcessFile(readFileSync(path, 'utf8')).importedFiles) {
        if (!fileName.startsWith('.')) throw new Error(`${path} imports ${fileName}`);
        look(join(path, '..', fileName.replace(/\.js$/, '.ts')));
      }
    };
    look(join(import.meta.dirname, 'browser.ts'));
    expect(seen.size).toBeGreaterThan(10);
  });
});
