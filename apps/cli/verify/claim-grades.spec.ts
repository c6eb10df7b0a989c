import { describe, expect, it } from '@jest/globals';
import { formatVerifierKey } from '#merkle';
import { exampleLog, exampleText, exampleWitness, operatorsWitness } from '../../../libs/merkle/bundle-harness.js';
import { gradesOf } from './claim-grades.js';
import { decideAgain } from '../replay/decide-again.js';
import { discloseText, outsideMemory, verifyOfflineBundle } from './offline-bundle.js';

const logKey = formatVerifierKey(exampleLog.key);
const verdictOf = (text = exampleText(), witnesses: readonly string[] = []) => verifyOfflineBundle(text, { logKey, witnesses });
const gradeOf = (field: string, text?: string): string | undefined => gradesOf(verdictOf(text)).find(({ fields }) => fields.includes(field))?.grade;

describe('what is known, and how', () => {
  it('grades every field of a record once', () => {
    const verdict = verdictOf();
    const said = [...new Set(verdict.entries.flatMap(({ fields }) => Object.entries(fields ?? {}).filter(([, value]) => value !== null).map(([name]) => name)))];
    const graded = gradesOf(verdict).flatMap(({ fields }) => fields);
    expect([...graded].sort()).toEqual([...said].sort());
  });

  it('takes the provider’s word for where it is as far as its evidence goes, and its signature for what was used', () => {
    expect(gradeOf('machine')).toBe('asserted by Mizan, which says that a contract with the provider states it');
    expect(gradeOf('usage')).toBe('signed by the provider');
    expect(gradeOf('responseHash')).toBe('signed by the provider');
    expect(gradeOf('chargeNanos')).toBe('computed again from usage and price');
    for (const field of ['principal', 'decision', 'dataClass', 'findings']) expect(gradeOf(field)).toMatch(/^asserted by Mizan/);
  });

  it('has no more than Mizan’s word without what would show it', () => {
    expect(gradeOf('usage', exampleText({ completed: { receipt: null } }))).toBe('asserted by Mizan');
    const { machine } = verdictOf().entries[0]!.fields as { machine: object };
    const ungraded = { machine: { ...machine, evidence: 'hearsay' } };
    expect(gradeOf('machine', exampleText({ admitted: ungraded, completed: ungraded }))).toBe('asserted by Mizan');
    const attested = { machine: { ...machine, evidence: 'attested' } };
    expect(gradeOf('machine', exampleText({ admitted: attested, completed: attested }))).toBe('asserted by Mizan, which says that its hardware attests it');
  });

  it('names the witnesses that the reader trusts as outside memory, and never those of the operator', () => {
    expect(outsideMemory(verdictOf(), false)).toEqual([]);
    const verdict = verdictOf(exampleText(), [formatVerifierKey(exampleWitness.key)]);
    expect(outsideMemory(verdict, true)).toEqual(['witnesses witness.example/w1']);
    expect(verdict.cosignedBy.some(({ own }) => own)).toBe(true);
    const operators = verdictOf(exampleText(), [formatVerifierKey(operatorsWitness.key)]);
    expect(outsideMemory(operators, true)).toEqual([]);
    expect(operators.result).not.toBe('valid');
  });

  it('cannot tell of which log a file is by witnesses alone, and does not call it broken', () => {
    const verdict = verifyOfflineBundle(exampleText(), { witnesses: [formatVerifierKey(exampleWitness.key)] });
    expect(verdict.result).toBe('incomplete');
    expect(verdict.checks.filter(({ holds }) => holds !== true)).toEqual([{ name: 'log key', holds: null, detail: expect.stringContaining('--log-key') }]);
  });

  it('makes a narrower file of one that holds, and nothing of one that does not', () => {
    const narrowed = discloseText(exampleText(), ['decision', 'chargeNanos']);
    const verdict = verdictOf(narrowed);
    expect([verdict.result, verdict.checks.filter(({ holds }) => holds === false)]).toEqual(['incomplete', []]);
    expect(gradesOf(verdict).flatMap(({ fields }) => fields).sort()).toEqual(['chargeNanos', 'decision']);
    expect(decideAgain(verdict)).toMatchObject({ result: 'unable', reason: expect.stringContaining('only some fields') });
    expect(() => discloseText(exampleText({ completed: { chargeNanos: '261' } }), ['chargeNanos'])).toThrow('charge');
    expect(() => discloseText(exampleText(), ['nothing'])).toThrow('"nothing"');
  });
});
