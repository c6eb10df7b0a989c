import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isDomainError } from '#kernel';
import { declaredFacts } from './declared-facts.js';

describe('declared facts', () => {
  it('reads what the caller says, tags separated by commas, once each', () => {
    expect(
      declaredFacts({ 'x-mizan-data-class': 'confidential', 'x-mizan-purpose': ' fraud ', 'x-mizan-subject': 'c-17', 'x-mizan-subject-region': 'DE', 'x-mizan-dataset': 'mail', 'x-mizan-tags': 'sender:a@b.org, desk:2,sender:a@b.org' }),
    ).toEqual({ dataClass: 'confidential', purpose: 'fraud', subject: 'c-17', subjectRegion: 'DE', dataset: 'mail', tags: ['sender:a@b.org', 'desk:2'] });
  });

  it('says nothing where nothing was said', () => {
    expect(declaredFacts({})).toEqual({ dataClass: null, purpose: null, subject: null, subjectRegion: null, dataset: null, tags: [] });
  });

  it.each([
    ['x-mizan-data-class', 'secret'],
    ['x-mizan-data-class', ''],
    ['x-mizan-purpose', '   '],
    ['x-mizan-purpose', 'x'.repeat(513)],
    ['x-mizan-subject', 'M\u00fcller'],
    ['x-mizan-tags', 'a,,b'],
    ['x-mizan-tags', Array.from({ length: 33 }, (_, n) => `t${n}`).join(',')],
  ])('refuses %s: %s and names the header', (name, value) => {
    expect(() => declaredFacts({ [name]: value })).toThrow(expect.objectContaining({ code: 'HEADER_INVALID', details: { param: name } }));
  });

  it('ignores headers that are ours', () => {
    expect(declaredFacts({ 'x-mizan-tenant': 'other', 'x-mizan-record': 'r', 'x-forwarded-for': '::1' })).toEqual(declaredFacts({}));
  });

  it('takes or refuses any value, and never throws anything else', () => {
    fc.assert(
      fc.property(fc.constantFrom('x-mizan-data-class', 'x-mizan-purpose', 'x-mizan-tags'), fc.string({ unit: 'binary' }), (name, value) => {
        try {
          declaredFacts({ [name]: value });
        } catch (error) {
          expect(isDomainError(error, 'HEADER_INVALID')).toBe(true);
        }
      }),
    );
  });
});
