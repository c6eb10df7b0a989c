import { describe, expect, it } from '@jest/globals';
import { CedarEvaluator } from './cedar-evaluator.js';
import { compilePolicies } from './compile.js';
import type { PolicyRequest } from './decide.js';
import { explain } from './explain.js';

const request: PolicyRequest = {
  principal: { id: 'app', organisation: 'bank', project: 'mail', role: 'developer' },
  context: { dataClass: 'confidential', findings: ['email'], personalData: true, tags: [], model: 'm', endpoint: 'embeddings' },
  offer: {
    id: 'offer-1',
    facts: { region: 'us-virginia', country: 'US', jurisdiction: 'US', network: 'direct', model: 'm', evidence: 'contract', isolation: 'none', priceNanosPerMillion: 5 },
  },
};
const explained = (text: string) => explain(new CedarEvaluator(), compilePolicies(text), request);

describe('explaining a decision', () => {
  it('names the conditions that a permit did not meet', () => {
    const { verdict, policies } = explained(
      '@id("eu") permit(principal, action, resource) when { context.personalData && resource.jurisdiction == "EU" && resource.isolation == "tee" } unless { context.findings.contains("email") };',
    );
    expect(verdict.decision).toBe('deny');
    expect(policies.find(({ id }) => id === 'eu')).toMatchObject({
      outcome: 'does not apply',
      unmet: ['when { resource.jurisdiction == "EU" }', 'when { resource.isolation == "tee" }', 'unless { context.findings.contains("email") }'],
    });
  });

  it('says of every policy whether it applied', () => {
    const { verdict, policies } = explained('@id("all") permit(principal, action, resource); @id("us") forbid(principal, action, resource) when { resource.country == "US" };');
    expect(verdict.determining.map(({ id }) => id)).toEqual(['us']);
    expect(policies.map(({ id, outcome }) => [id, outcome])).toEqual([
      ['mizan.personal-data-evidence', 'does not apply'],
      ['mizan.restricted-attested', 'does not apply'],
      ['all', 'applies'],
      ['us', 'applies'],
    ]);
  });

  it('says when a policy names another application, and when one failed', () => {
    const { policies } = explained(
      '@id("other") permit(principal == Mizan::Application::"x", action, resource); @id("sum") permit(principal, action, resource) when { resource.priceNanosPerMillion * 9223372036854775807 > 1 };',
    );
    expect(policies.find(({ id }) => id === 'other')!.unmet).toEqual(['the application or the offer is not one that it names']);
    expect(policies.find(({ id }) => id === 'sum')).toMatchObject({ outcome: 'failed', error: expect.stringContaining('overflow') });
  });

  it('explains a policy of the greatest depth', () => {
    const { policies } = explained(`@id("deep") permit(principal, action, resource) when { ${'!('.repeat(13)}resource.country == "SA"${')'.repeat(13)} };`);
    expect(policies.find(({ id }) => id === 'deep')!.outcome).toBe('applies');
  });
});
