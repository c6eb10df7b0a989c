import { describe, expect, it } from '@jest/globals';
import { compilePolicies } from '#policy';
import { bankPolicy, namedSenders } from './bank-policy.js';

describe("the bank's policy", () => {
  it('passes the strict check, and every policy has an id and a reason of its own', () => {
    const own = compilePolicies(bankPolicy()).policies.filter(({ builtin }) => !builtin);
    expect(own.map(({ id }) => id)).toEqual(['bank.any-machine', 'bank.personal-data-in-the-eu', 'bank.refused-senders']);
    for (const { reason } of own) expect(reason).toMatch(/\.$/);
  });

  it('names the senders that it refuses, comments left out', () => {
    expect(namedSenders(bankPolicy()).has('rssfeeds@spamassassin.taint.org')).toBe(true);
    expect([...namedSenders('// "sender:a@b.c"\ncontext.tags.contains("sender:D@e.f")')]).toEqual(['d@e.f']);
  });
});
