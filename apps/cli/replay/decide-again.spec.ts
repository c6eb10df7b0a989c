import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { nodeCrypto, verifyBundle } from '#merkle';
import { exampleLog, examplePolicy, exampleText } from '../../../libs/merkle/bundle-harness.js';
import type { Lies } from '../../../libs/merkle/bundle-harness.js';
import { decideAgain } from './decide-again.js';

const replayOf = (lies: Lies = {}) => decideAgain(verifyBundle(exampleText(lies), nodeCrypto, { logKey: exampleLog.key }));

const nowhere = '@id("none") @reason("Nowhere.") forbid(principal, action, resource);\n';
const nowhereHash = createHash('sha256').update(nowhere).digest('hex');
/** Under a policy that permits nothing, and said so. */
const denied = {
  policy: { text: nowhere, hash: nowhereHash },
  admitted: { policyHash: nowhereHash, decision: 'deny', policies: [{ id: 'none', reason: 'Nowhere.' }], permittedOffers: 0 },
} satisfies Lies;

describe('a decision made again', () => {
  it('is the recorded one, from the policy text and the offers of then', () => {
    expect(replayOf()).toEqual({
      result: 'same',
      reason: undefined,
      decision: { decision: 'permit', policies: [{ id: 'eu', reason: 'In the EU.' }], permittedOffers: 1, consideredOffers: 2 },
      refusal: undefined,
      permitted: ['018f0000-0000-7000-8000-000000000003'],
      differences: [],
    });
  });

  it.each<[string, Lies, string[]]>([
    ['a decision that the policy does not give', { admitted: { decision: 'deny', policies: [{ id: 'no', reason: null }], permittedOffers: 0 } }, ['decision', 'deciding policies', 'permitted offers']],
    ['a machine that the policy refuses', { admitted: { offer: '018f0000-0000-7000-8000-000000000007' } }, ['offer']],
    ['that another machine did the work, which the policy refuses', { completed: { offer: '018f0000-0000-7000-8000-000000000007' } }, ['offer (completed, entry 7)']],
    ['that such a machine was tried first', { completed: { attempts: [{ offer: '018f0000-0000-7000-8000-000000000007', node: '018f0000-0000-7000-8000-000000000008', outcome: 'lost' }] } }, ['offer (completed, entry 7)']],
    ['that it was charged at another price than the offer had', { completed: { priceVersion: '018f0000-0000-7000-8000-000000000009' } }, ['price version (completed, entry 7)']],
    ['that the policy refused what it permits', { became: 'refused', admitted: { refusal: { code: 'POLICY_DENIED', message: 'no' } } }, ['outcome']],
    ['that an answer was given again where the policy permits none', { became: 'reused', ...denied }, ['outcome']],
    ['that money was what refused what the policy refuses', { became: 'refused', ...denied, admitted: { ...denied.admitted, refusal: { code: 'BUDGET_EXHAUSTED', message: 'no' } } }, ['outcome']],
    ['that an answer was given again under the price of a machine that is not permitted', { became: 'reused', admitted: { offer: '018f0000-0000-7000-8000-000000000007', priceVersion: '018f0000-0000-7000-8000-000000000009' } }, ['offer (reused, entry 6)']],
    ['another price than the offer had', { admitted: { priceVersion: '018f0000-0000-7000-8000-000000000009' } }, ['price version']],
    ['a number of offers that were not there', { admitted: { consideredOffers: 3 } }, ['considered offers']],
    ['a policy text that decides otherwise', { policy: { text: examplePolicy.replace('== "EU"', '== "US"') } }, ['offer']],
  ])('shows exactly what differs when the record says %s', (_, lies, what) => {
    const { result, differences } = replayOf(lies);
    expect([result, differences.map((difference) => difference.what)]).toEqual(['differs', what]);
  });

  it('is the same for what was refused, by the policy or for money, and for an answer that was given again', () => {
    const refusedFor = (code: string) => ({ code, message: 'no' });
    expect(replayOf({ became: 'refused', ...denied, admitted: { ...denied.admitted, refusal: refusedFor('POLICY_DENIED') } })).toMatchObject({ result: 'same', decision: { decision: 'deny' }, refusal: 'POLICY_DENIED', differences: [] });
    expect(replayOf({ became: 'refused', admitted: { refusal: refusedFor('BUDGET_EXHAUSTED') } })).toMatchObject({ result: 'same', decision: { decision: 'permit' }, refusal: 'BUDGET_EXHAUSTED', differences: [] });
    expect(replayOf({ became: 'reused', admitted: { answerOf: '018f0000-0000-7000-8000-0000000000aa', chargeNanos: '0' } })).toMatchObject({ result: 'same', refusal: undefined, differences: [] });
  });

  it('is the same where another permitted machine took over', () => {
    const both = '@id("all") @reason("Anywhere.") permit(principal, action, resource);\n';
    const hash = createHash('sha256').update(both).digest('hex');
    const moved = { offer: '018f0000-0000-7000-8000-000000000007', node: '018f0000-0000-7000-8000-000000000008', priceVersion: '018f0000-0000-7000-8000-000000000009', attempts: [{ offer: '018f0000-0000-7000-8000-000000000003', node: '018f0000-0000-7000-8000-000000000002', outcome: 'busy' }] };
    expect(replayOf({ policy: { text: both, hash }, admitted: { policyHash: hash, policies: [{ id: 'all', reason: 'Anywhere.' }], permittedOffers: 2 }, completed: moved })).toMatchObject({ result: 'same', differences: [] });
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
