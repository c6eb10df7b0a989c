import { describe, expect, it } from '@jest/globals';
import { exampleBundle, exampleEntries, exampleLog, exampleText } from './bundle-harness.js';
import { formatBundle } from './bundle.js';
import { toUtf8 } from './bytes.js';
import { signCheckpoint } from './checkpoint.js';
import { openKeyChange, signKeyChange } from './key-change.js';
import { historyOf, type Step } from './key-history-harness.js';
import { openKeyHistory, type KeyHistoryFile } from './key-history.js';
import { ed25519Signer, nodeCrypto } from './node-crypto.js';
import { formatNote, parseNote, type NoteSigner } from './note.js';
import { formatVerifierKey } from './verifier-key.js';
import { verifyBundle } from './verify-bundle.js';

const { name } = exampleLog.key;
const signer = (byte: number): NoteSigner => ed25519Signer(name, new Uint8Array(32).fill(byte));
const [first, second, third] = [exampleLog, signer(21), signer(22)];

const two: readonly Step[] = [{ from: first, to: second, at: 3 }, { from: second, to: third, at: 7 }];
const open = (file: KeyHistoryFile, { key } = first) => openKeyHistory(nodeCrypto, JSON.stringify(file), key).keys.map(({ key: { keyId }, untilSize }) => [keyId, untilSize]);

describe('the history of the keys of a log', () => {
  it('leads from any key that somebody knows to all others, each with what it may have signed', () => {
    const all = [[first.key.keyId, 3], [second.key.keyId, 7], [third.key.keyId, undefined]];
    for (const known of [first, second, third]) expect(open(historyOf(two), known)).toEqual(all);
    expect(() => open(historyOf(two), signer(23))).toThrow('not to the key that you know');
    expect(open({ ...historyOf([{ from: first, to: second, at: 0 }]), changes: [] }, second)).toEqual([[second.key.keyId, undefined]]);
    expect(open(historyOf([{ from: first, to: second, at: 0 }]))).toEqual([[first.key.keyId, 0], [second.key.keyId, undefined]]);
  });

  it('ends where a key was lost: what the next one says alone, nobody follows', () => {
    const lost = historyOf([two[0]!, { from: second, to: third, at: 7, by: [third] }]);
    expect(open(lost, third)).toEqual([[third.key.keyId, undefined]]);
    for (const known of [first, second]) expect(() => open(lost, known)).toThrow(`change 2: the key ${second.key.keyId} has not signed`);
  });

  it.each<[string, () => KeyHistoryFile, string]>([
    ['two successors of one key', () => historyOf([two[0]!, { from: first, to: third, at: 7 }]), 'change 1: it leads to'],
    ['a key that comes back', () => historyOf([two[0]!, { from: second, to: first, at: 7 }]), 'change 1: the key'],
    ['a change that is left out', () => ({ ...historyOf(two), changes: historyOf(two).changes.slice(0, 1) }), 'change 1: it leads to'],
    ['a head under a key that is not the newest', () => historyOf(two, { newest: second }), 'change 2: it leads to'],
    ['an entry of another kind', () => historyOf([{ ...two[0]!, type: 'log.broken' }]), 'entry 3 (log.broken) is none'],
    ['more entries than there were', () => historyOf([{ ...two[0]!, size: 3 }, { ...two[1]!, size: 1 }]), 'change 1: it is of more entries'],
    ['another log in its place', () => ({ ...historyOf(two, { entry: 'other' }), changes: historyOf(two).changes }), 'change 1: its bytes are not number 3'],
    ['a former head that the log does not continue', () => ({ ...historyOf(two), changes: historyOf(two).changes.map((change) => ({ ...change, consistency: [...change.consistency].reverse() })) }), 'does not continue the 3 entries'],
    ['a member that is none', () => ({ ...historyOf(two), more: 1 }) as never, 'a member "more"'],
  ])('is refused with %s', (_, file, expected) => {
    expect(() => open(file())).toThrow(expected);
  });

  it('takes no note that is signed by one key in the name of both, nor one of two logs', () => {
    const note = signKeyChange({ size: 1, root: new Uint8Array(32) }, first.key, first, second);
    expect(openKeyChange(nodeCrypto, note)).toMatchObject({ size: 1, isAgreed: true });
    const { text, signatures } = parseNote(note);
    const noteOf = (...lines: typeof signatures[number][]) => () => openKeyChange(nodeCrypto, formatNote({ text, signatures: lines }));
    expect(noteOf(signatures[1]!)().isAgreed).toBe(false);
    expect(noteOf(signatures[0]!)).toThrow('the next key has not signed');
    expect(noteOf({ ...signatures[0]!, signature: signatures[1]!.signature }, signatures[1]!)).toThrow('is wrong');
    expect(noteOf(signatures[0]!, { ...signatures[1]!, signature: signatures[0]!.signature })).toThrow('is wrong');
    expect(() => openKeyChange(nodeCrypto, signCheckpoint({ origin: name, size: 1, root: new Uint8Array(32) }, first))).toThrow();
    expect(() => signKeyChange({ size: 1, root: new Uint8Array(32) }, first.key, ed25519Signer('another.example', new Uint8Array(32)))).toThrow('keeps its name');
    expect(() => openKeyChange(nodeCrypto, signKeyChange({ size: 1, root: new Uint8Array(32) }, first.key, first))).toThrow('is the former one');
  });

  it('is refused with any bit of a note, an envelope or a proof changed', () => {
    const text = JSON.stringify(historyOf(two));
    for (let bit = 0; bit < text.length * 8; bit += 13) {
      const bytes = Buffer.from(text);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => openKeyHistory(nodeCrypto, bytes.toString(), first.key)).toThrow();
    }
  });
});

describe('a proof bundle under a key that the log had', () => {
  const bundle = exampleBundle();
  const size = 11;
  const { text } = parseNote(bundle.checkpoint);
  const signedBy = (key: NoteSigner): string => formatBundle({ ...bundle, logKey: formatVerifierKey(key.key), witnessKeys: [], checkpoint: formatNote({ text, signatures: [{ name, keyId: key.key.keyId, signature: key.sign(toUtf8(text)) }] }) });
  const under = (steps: readonly Step[], known: NoteSigner, file = exampleText(), begin = exampleEntries()) => {
    const verdict = verifyBundle(file, nodeCrypto, { logKey: known.key, history: openKeyHistory(nodeCrypto, JSON.stringify(historyOf(steps, { begin })), known.key) });
    return [verdict.result, verdict.checks.find((check) => check.name === 'key history')!.detail];
  };
  const step = (at: number, signed = at): Step => ({ from: first, to: second, at, size: signed });

  it('holds for whoever knows the key of today, of the state that the former key signed last', () => {
    expect(verifyBundle(exampleText(), nodeCrypto, { logKey: second.key }).result).toBe('invalid');
    expect(under([step(size)], second)).toEqual(['valid', `${first.key.keyId} was the log's key up to 11 entries, by 1 change that both keys signed and the log holds`]);
    for (const known of [first, second]) expect(under([step(size, size - 1)], known)).toEqual(['invalid', expect.stringContaining('whoever has that key signed it afterwards')]);
  });

  it('is not taken for one of the log of which a thief of the former key signed a small tree, or another of the same size', () => {
    const other = exampleEntries().map((entry, at) => (at === 0 ? toUtf8('another') : entry));
    for (const known of [first, second]) {
      expect(under([step(1_000)], known)).toEqual(['incomplete', expect.stringContaining('is not known to have had this state of 11')]);
      expect(under([step(1_000)], known, exampleText(), other)[0]).toBe('incomplete');
      expect(under([step(size)], known, exampleText(), other)).toEqual(['invalid', expect.stringContaining('the log had another root')]);
    }
  });

  it('holds of a state at which any key of the log changed', () => {
    const steps: Step[] = [step(size), { from: second, to: third, at: 20 }];
    for (const signer of [first, second, third]) expect(under(steps, first, signedBy(signer))[0]).toBe('valid');
  });

  it('holds under the key of today for whoever knows the former one', () => {
    expect(verifyBundle(signedBy(second), nodeCrypto, { logKey: first.key }).result).toBe('invalid');
    for (const at of [size, 1_000]) expect(under([step(at)], first, signedBy(second))[0]).toBe('valid');
  });
});
