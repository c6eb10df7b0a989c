import { describe, expect, it } from '@jest/globals';
import { isAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import type { OfferFacts, PolicyContext, PolicyPrincipal } from './attributes.js';
import { CedarEvaluator } from './cedar-evaluator.js';
import { compilePolicies } from './compile.js';
import type { CompiledPolicySet } from './compile.js';
import { PolicyEvaluator } from './decide.js';
import type { PolicyOffer, PolicyRequest, Verdict } from './decide.js';
import { DecisionMemo } from './memo.js';
import { cedarSchema } from './schema.js';

class CountingEvaluator extends PolicyEvaluator {
  evaluations = 0;
  private readonly cedar = new CedarEvaluator();
  evaluate(set: CompiledPolicySet, request: PolicyRequest): Verdict {
    this.evaluations += 1;
    return this.cedar.evaluate(set, request);
  }
}

const principal: PolicyPrincipal = { id: 'app', organisation: 'bank', project: 'mail', role: 'developer' };
const context: PolicyContext = { dataClass: 'public', findings: [], personalData: false, tags: [], model: 'm', endpoint: 'embeddings' };
const facts: OfferFacts = {
  region: 'eu-frankfurt', country: 'DE', jurisdiction: 'EU', network: 'direct', model: 'm', evidence: 'contract', isolation: 'none', priceNanosPerMillion: 5,
};
const offer = (id: string, changes: Partial<OfferFacts> = {}): PolicyOffer => ({ id, facts: { ...facts, ...changes } });

/** Policies that read by every kind of expression; each run takes some of them. */
const pool = [
  'permit(principal, action, resource);',
  'permit(principal, action, resource is Mizan::Offer) when { resource.jurisdiction == "EU" };',
  'permit(principal == Mizan::Application::"app-1", action, resource);',
  'permit(principal, action, resource) when { principal.project == "mail" && !context.personalData };',
  'permit(principal, action, resource) when { context has purpose && context.purpose like "fraud*" };',
  'permit(principal, action, resource) when { if context has dataset then context.dataset == "d1" else resource.region like "eu-*" };',
  'permit(principal, action, resource) when { {a: resource.country, b: context.model} == {a: "DE", b: "m"} };',
  'permit(principal, action, resource) when { context.findings == ["email"] };',
  'permit(principal, action, resource) when { ["DE", "FR"].contains(resource.country) } unless { context.tags.isEmpty() };',
  'forbid(principal, action, resource) when { context.tags.contains("t1") };',
  'forbid(principal, action, resource) when { context.tags.containsAny(["t2", "t3"]) };',
  'forbid(principal, action, resource) when { context.tags.containsAll(["t1", "t4"]) };',
  'forbid(principal, action, resource) when { context.tags.contains(resource.region) };',
  'forbid(principal, action, resource) when { ["t1", "t2"].containsAll(context.tags) && context.dataClassRank > 1 };',
  'forbid(principal, action, resource == Mizan::Offer::"offer-1");',
  'forbid(principal, action, resource) when { resource in [Mizan::Offer::"offer-2"] };',
  'forbid(principal, action, resource) when { resource.priceNanosPerMillion * 4611686018427387904 > 5 };',
  'forbid(principal, action, resource) when { resource.isolation != "tee" && context.findings.contains("card") };',
  'forbid(principal, action, resource) when { (if context.personalData then context else context).dataClass == "confidential" };',
];

/** Cedar's stateless call over the whole request as it is, without any of this library's reading of it. */
function cedarAllows(set: CompiledPolicySet, { principal: { id, ...application }, context: { dataClass, ...rest }, offer: machine }: PolicyRequest): boolean {
  const rank = ['public', 'internal', 'confidential', 'restricted'].indexOf(dataClass);
  if (rank < 0) return false; // Cedar's types know strings, not which ones
  const principalUid = { type: 'Mizan::Application', id };
  const resourceUid = { type: 'Mizan::Offer', id: machine.id };
  const answer = isAuthorized({
    principal: principalUid,
    action: { type: 'Mizan::Action', id: 'run' },
    resource: resourceUid,
    context: { ...rest, dataClass, dataClassRank: rank, personalData: rest.personalData || rest.findings.length > 0 } as never,
    entities: [
      { uid: principalUid, attrs: { ...application }, parents: [] },
      { uid: resourceUid, attrs: { ...machine.facts }, parents: [] },
    ],
    schema: cedarSchema,
    policies: { staticPolicies: Object.fromEntries(set.policies.map((policy) => [policy.id, policy.text])) },
  });
  return answer.type === 'success' && answer.response.diagnostics.errors.length === 0 && answer.response.decision === 'allow';
}

const anyOf = <T,>(...values: T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const anyFacts = fc.record({
  region: anyOf('eu-frankfurt', 'us-east', 't1'),
  country: anyOf('DE', 'US'),
  jurisdiction: anyOf('EU', 'US'),
  network: fc.constant('direct'),
  model: fc.constant('m'),
  evidence: anyOf('declared', 'contract', 'attested'),
  isolation: anyOf('none', 'tee'),
  priceNanosPerMillion: anyOf<number>(0, 1, 2, 0.5),
}) as fc.Arbitrary<OfferFacts>;
const anyContext = fc.record(
  {
    dataClass: anyOf('public', 'internal', 'confidential', 'restricted', 'secret'),
    findings: fc.subarray(['email', 'card', 'iban']),
    personalData: fc.boolean(),
    purpose: anyOf('fraud-check', 'ads'),
    subjectRegion: anyOf('EU', 'US'),
    dataset: anyOf('d1', 'd2'),
    tags: fc.array(anyOf('t1', 't2', 't3', 't4', 't5', 'us-east', 'x y')),
    model: anyOf('m', 'n'),
    endpoint: fc.constant('embeddings'),
  },
  { requiredKeys: ['dataClass', 'findings', 'personalData', 'tags', 'model', 'endpoint'] },
) as fc.Arbitrary<PolicyContext>;
const anyPrincipal = fc.record({ id: anyOf('app-1', 'app-2'), organisation: fc.constant('bank'), project: anyOf('mail', 'web'), role: fc.constant('developer') });

describe('remembered decisions', () => {
  it('are those of a direct evaluation, for any policies, applications, requests and offers', () => {
    const direct = new CedarEvaluator();
    fc.assert(
      fc.property(fc.subarray(pool, { maxLength: 5 }), fc.array(fc.tuple(anyPrincipal, anyContext), { minLength: 2, maxLength: 6 }), fc.array(anyFacts, { minLength: 2, maxLength: 5 }), (texts, asks, machines) => {
        const set = compilePolicies(texts.join('\n'));
        const memo = new DecisionMemo(new CedarEvaluator(4), 3);
        const offers = machines.map((machine, index) => ({ id: `offer-${index}`, facts: machine }));
        const judged = asks.map(([who, what]) => ({
          who,
          what,
          expected: offers.map((each) => ({ each, verdict: direct.evaluate(set, { principal: who, context: what, offer: each }) })),
          allowed: offers.filter((each) => cedarAllows(set, { principal: who, context: what, offer: each })),
        }));
        // Twice, so that the second time is from memory.
        for (const { who, what, expected, allowed } of [...judged, ...judged]) {
          const { permitted, refusals } = memo.decideOffers(set, who, what, offers);
          expect(permitted).toEqual(expected.filter(({ verdict }) => verdict.decision === 'permit').map(({ each, verdict }) => ({ offer: each, policies: verdict.determining })));
          for (const { each, verdict } of expected.filter(({ verdict }) => verdict.decision === 'deny')) {
            const refusal = refusals.find(({ offers: refused }) => refused.includes(each));
            expect(refusal).toMatchObject({ policies: verdict.determining, errors: verdict.errors });
          }
          expect(permitted.map(({ offer: each }) => each)).toEqual(allowed);
          expect(permitted.length + refusals.reduce((sum, { offers: refused }) => sum + refused.length, 0)).toBe(offers.length);
        }
      }),
      { seed: 20_260_701, numRuns: 80 },
    );
  });

  it('cost one evaluation for each class of offers, however many there are', () => {
    const evaluator = new CountingEvaluator();
    const memo = new DecisionMemo(evaluator);
    const set = compilePolicies('permit(principal, action, resource) when { resource.jurisdiction == "EU" };');
    const offers = Array.from({ length: 200 }, (_, index) => offer(`offer-${index}`, { jurisdiction: index % 2 ? 'EU' : 'US', priceNanosPerMillion: index }));
    expect(memo.decideOffers(set, principal, context, offers).permitted).toHaveLength(100);
    memo.decideOffers(set, { ...principal, id: 'other' }, { ...context, tags: ['sender:a@b.c'], model: 'other' }, offers);
    expect(evaluator.evaluations).toBe(2);
  });

  it('do not depend on tags of which the policies do not speak, and do on those of which they speak', () => {
    const evaluator = new CountingEvaluator();
    const memo = new DecisionMemo(evaluator);
    const set = compilePolicies('permit(principal, action, resource); @id("listed") forbid(principal, action, resource) when { context.tags.containsAny(["sender:a@b.c"]) };');
    for (let sender = 0; sender < 100; sender++) memo.decideOffers(set, principal, { ...context, tags: [`sender:${sender}@b.c`] }, [offer('o')]);
    expect(evaluator.evaluations).toBe(1);
    const refused = memo.decideOffers(set, principal, { ...context, tags: ['x', 'sender:a@b.c'] }, [offer('o')]);
    expect(refused.refusals[0]!.policies[0]!.id).toBe('listed');
  });

  it('group refused offers by the policies that refused them', () => {
    const memo = new DecisionMemo(new CedarEvaluator());
    const set = compilePolicies('@id("eu") permit(principal, action, resource) when { resource.jurisdiction == "EU" }; @id("no-us") @reason("not in the US") forbid(principal, action, resource) when { resource.country == "US" };');
    const offers = [offer('a'), offer('b', { country: 'US', jurisdiction: 'US' }), offer('c', { country: 'SA', jurisdiction: 'SA' }), offer('d', { country: 'US', jurisdiction: 'US' })];
    const { permitted, refusals } = memo.decideOffers(set, principal, context, offers);
    expect(permitted.map(({ offer: { id } }) => id)).toEqual(['a']);
    expect(refusals.map(({ policies, offers: refused }) => [policies[0]!.id, refused.map(({ id }) => id)])).toEqual([
      ['no-us', ['b', 'd']],
      ['mizan.default-deny', ['c']],
    ]);
  });

  it('are of the policies asked about, not of an earlier version', () => {
    const memo = new DecisionMemo(new CedarEvaluator());
    const machine = offer('o');
    const decide = (text: string): number => memo.decideOffers(compilePolicies(text), principal, context, [machine]).permitted.length;
    expect([decide('permit(principal, action, resource);'), decide('forbid(principal, action, resource);'), decide('permit(principal, action, resource);')]).toEqual([1, 0, 1]);
  });
});
