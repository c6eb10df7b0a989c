import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { nodeCrypto, verifyBundle } from '#merkle';
import { exampleLog, examplePolicy, exampleText } from '../../../libs/merkle/bundle-harness.js';
import type { Lies } from '../../../libs/merkle/bundle-harness.js';
import { decideAgain } from './decide-again.js';

const replayOf = (lies: Lies = {}) => decideAgain(verifyBundle(exampleText(lies), nodeCrypto, { logKey: exampleLog.key }));

describe('a decision made again', () => {
  it('is the recorded one, from the policy text and the offers of then', () => {
    expect(replayOf()).toEqual({
      result: 'same',
      reason: undefined,
      decision: { decision: 'permit', policies: [{ id: 'eu', reason: 'In the EU.' }], permittedOffers: 1, consideredOffers: 2 },
      permitted: ['018f0000-0000-7000-8000-000000000003'],
      differences: [],
    });
  });

  it.each<[string, Lies, string[]]>([
    ['a decision that the policy does not give', { admitted: { decision: 'deny', policies: [{ id: 'no', reason: null }], permittedOffers: 0 } }, ['decision', 'deciding policies', 'permitted offers']],
    ['a machine that the policy refuses', { admitted: { offer: '018f0000-0000-7000-8000-000000000007' } }, ['offer']],
    ['another price than the offer had', { admitted: { priceVersion: '018f0000-0000-7000-8000-000000000009' } }, ['price version']],
    ['a number of offers that were not there', { admitted: { consideredOffers: 3 } }, ['considered offers']],
    ['a policy text that decides otherwise', { policy: { text: examplePolicy.replace('== "EU"', '== "US"') } }, ['offer']],
  ])('shows exactly what differs when the record says %s', (_, lies, what) => {
    const { result, differences } = replayOf(lies);
    expect([result, differences.map((difference) => difference.what)]).toEqual(['differs', what]);
  });

  it('is not made without what it takes', () => {
    expect(replayOf({ without: ['offers.seen'] })).toMatchObject({ result: 'unable', reason: expect.stringContaining('offers') });
    expect(replayOf({ without: ['policy.published'] })).toMatchObject({ result: 'unable', reason: expect.stringContaining('version 1 of the policy') });
    expect(replayOf({ without: ['admitted'] })).toMatchObject({ result: 'unable' });
  });

  it('is the same where what names a person is erased, unless the policy may have decided by it', () => {
    for (const about of ['shown', 'erased'] as const) expect(replayOf({ about })).toMatchObject({ result: 'same', differences: [] });
    const policy = `@id("tagged") @reason("No tag.") permit(principal, action, resource) when { !context.tags.contains("sender:a@b.org") };\n`;
    const decided = { admitted: { policyHash: createHash('sha256').update(policy).digest('hex') }, policy: { text: policy, hash: createHash('sha256').update(policy).digest('hex') } };
    expect(replayOf({ ...decided, about: 'shown' }).result).toBe('differs');
    expect(replayOf({ ...decided, about: 'erased' })).toMatchObject({ result: 'unable', reason: expect.stringContaining('erased') });
  });

  it('is a refusal where no policy was in force', () => {
    const none = { policyVersion: 0, policyHash: null, decision: 'deny', policies: [{ id: 'mizan.default-deny', reason: null }], permittedOffers: 0 };
    expect(replayOf({ admitted: none })).toMatchObject({ decision: { decision: 'deny' }, differences: [{ what: 'offer', again: [] }] });
  });
});
