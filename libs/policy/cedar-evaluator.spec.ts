import { describe, expect, it } from '@jest/globals';
import type { OfferFacts, PolicyContext, PolicyPrincipal } from './attributes.js';
import { CedarEvaluator } from './cedar-evaluator.js';
import { compilePolicies } from './compile.js';
import type { Verdict } from './decide.js';

const principal: PolicyPrincipal = { id: 'app', organisation: 'bank', project: 'mail', role: 'developer' };
const facts: OfferFacts = {
  region: 'eu-frankfurt', country: 'DE', jurisdiction: 'EU', network: 'direct', model: 'm', evidence: 'contract', isolation: 'none', priceNanosPerMillion: 20_000_000,
};
const context: PolicyContext = { dataClass: 'public', findings: [], personalData: false, tags: [], model: 'm', endpoint: 'embeddings' };
const evaluator = new CedarEvaluator();

interface Changes {
  readonly context?: Partial<PolicyContext>;
  readonly facts?: Partial<OfferFacts>;
  readonly principal?: Partial<PolicyPrincipal>;
}
function evaluate(text: string, changes: Changes = {}): Verdict {
  return evaluator.evaluate(compilePolicies(text), {
    principal: { ...principal, ...changes.principal },
    context: { ...context, ...changes.context },
    offer: { id: 'offer-1', facts: { ...facts, ...changes.facts } },
  });
}
const ids = (verdict: Verdict): string[] => verdict.determining.map(({ id }) => id);
const permitAll = '@id("all") permit(principal, action, resource);';

describe('evaluating with Cedar', () => {
  it('permits what a policy permits and names it', () => {
    expect(evaluate('@id("eu") @reason("EU is fine") permit(principal, action, resource) when { resource.jurisdiction == "EU" };')).toEqual({
      decision: 'permit',
      determining: [{ id: 'eu', reason: 'EU is fine' }],
      errors: [],
    });
  });

  it('lets a forbid win and names all that apply, sorted', () => {
    const verdict = evaluate(`${permitAll} @id("z") forbid(principal, action, resource) when { context.tags.contains("sender:a@b.c") }; @id("b") forbid(principal, action, resource);`, {
      context: { tags: ['sender:a@b.c'] },
    });
    expect(verdict.decision).toBe('deny');
    expect(ids(verdict)).toEqual(['b', 'z']);
  });

  it('denies when there is no policy, and says so', () => {
    const verdict = evaluate('');
    expect(verdict.decision).toBe('deny');
    expect(verdict.determining[0]).toEqual({ id: 'mizan.default-deny', reason: 'No policy permits anything yet, and what is not permitted is denied.' });
  });

  it('denies when no permit applies, and says how many there were', () => {
    const verdict = evaluate('permit(principal, action, resource) when { resource.country == "FR" };');
    expect(verdict.determining[0]!.reason).toBe('None of the 1 permitting policy applies, and what is not permitted is denied.');
  });

  it('denies when a forbid fails, although a permit applies', () => {
    const overflow = '@id("limit") forbid(principal, action, resource) when { resource.priceNanosPerMillion * 9223372036854775807 > 5 };';
    const verdict = evaluate(`${permitAll} ${overflow}`);
    expect(verdict.decision).toBe('deny');
    expect(ids(verdict)).toEqual(['mizan.evaluation-error']);
    expect(verdict.errors[0]).toContain('policy limit');
  });

  it('permits personal data only on evidence of contract or attestation, whatever the tenant permits', () => {
    const on = (evidence: OfferFacts['evidence'], changes: Partial<PolicyContext>): string[] => ids(evaluate(permitAll, { context: changes, facts: { evidence } }));
    expect(on('declared', { personalData: true })).toEqual(['mizan.personal-data-evidence']);
    expect(on('declared', { findings: ['iban'] })).toEqual(['mizan.personal-data-evidence']);
    expect(on('contract', { personalData: true })).toEqual(['all']);
    expect(on('attested', { personalData: true })).toEqual(['all']);
    expect(on('declared', {})).toEqual(['all']);
  });

  it('permits restricted data only on attested machines', () => {
    expect(ids(evaluate(permitAll, { context: { dataClass: 'restricted' } }))).toEqual(['mizan.restricted-attested']);
    expect(ids(evaluate(permitAll, { context: { dataClass: 'restricted' }, facts: { evidence: 'attested' } }))).toEqual(['all']);
  });

  it('offers the rank of the class to policies', () => {
    const text = 'permit(principal, action, resource) when { context.dataClassRank <= 1 };';
    expect(evaluate(text, { context: { dataClass: 'internal' } }).decision).toBe('permit');
    expect(evaluate(text, { context: { dataClass: 'confidential' } }).decision).toBe('deny');
  });

  it.each([
    ['an unknown attribute of the context', { context: { colour: 'red' } }, 'context has the unknown attribute "colour"'],
    ['an unknown attribute of the offer', { facts: { gpu: 'H100' } }, 'offer has the unknown attribute "gpu"'],
    ['an unknown attribute of the application', { principal: { admin: 'yes' } }, 'principal has the unknown attribute "admin"'],
    ['a missing attribute', { facts: { region: undefined } }, 'offer lacks the attribute "region"'],
    ['another type', { facts: { priceNanosPerMillion: 20n } }, 'offer.priceNanosPerMillion is not a Long'],
    ['a fraction', { facts: { priceNanosPerMillion: 0.5 } }, 'offer.priceNanosPerMillion is not a Long'],
    ['an unknown class', { context: { dataClass: 'secret' } }, 'context.dataClass is not one of public, internal, confidential, restricted'],
    ['an unknown evidence', { facts: { evidence: 'hearsay' } }, 'offer.evidence is not one of declared, contract, attested'],
    ['malformed Unicode', { context: { purpose: '\ud800' } }, 'context.purpose is not a String'],
    ['a request of nulls', { context: { tags: null } }, 'context.tags is not a Set<String>'],
  ])('denies %s, even where everything is permitted', (_, changes, error) => {
    const verdict = evaluate(permitAll, changes as Changes);
    expect(verdict.decision).toBe('deny');
    expect(ids(verdict)).toEqual(['mizan.evaluation-error']);
    expect(verdict.errors).toEqual([error]);
  });

  it('keeps sets apart when it overwrites its slots', () => {
    const small = new CedarEvaluator(2);
    const sets = ['DE', 'FR', 'IE', 'US', 'SA'].map((country) => ({ country, set: compilePolicies(`permit(principal, action, resource) when { resource.country == "${country}" };`) }));
    for (let round = 0; round < 3; round++) {
      for (const { country, set } of sets) {
        const decide = (of: string): string => small.evaluate(set, { principal, context, offer: { id: 'o', facts: { ...facts, country: of } } }).decision;
        expect([decide(country), decide('JP')]).toEqual(['permit', 'deny']);
      }
    }
  });
});
