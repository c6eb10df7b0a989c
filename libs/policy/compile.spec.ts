import { describe, expect, it } from '@jest/globals';
import { isDomainError } from '#kernel';
import { compilePolicies } from './compile.js';
import type { PolicySource } from './compile.js';
import type { PolicyProblem } from './invalid.js';

function problemsIn(source: PolicySource): PolicyProblem[] {
  try {
    compilePolicies(source);
  } catch (error) {
    if (isDomainError(error, 'POLICY_INVALID')) return error.details['problems'] as PolicyProblem[];
    throw error;
  }
  throw new Error('the source compiled');
}
const tenantIds = (source: PolicySource): string[] => compilePolicies(source).policies.filter(({ builtin }) => !builtin).map(({ id }) => id);

describe('compiling policies', () => {
  it('takes ids and reasons from annotations, in the order of the text', () => {
    const text = Array.from({ length: 12 }, (_, index) => `@id("rule-${index}") @reason("because ${index}") permit(principal, action, resource);`).join('\n');
    const set = compilePolicies(text);
    expect(set.policies.slice(2).map(({ id, reason }) => [id, reason])).toEqual(Array.from({ length: 12 }, (_, index) => [`rule-${index}`, `because ${index}`]));
  });

  it('adds the rules of the platform to every set, the empty one included', () => {
    expect(compilePolicies('').policies.map(({ id, effect }) => [id, effect])).toEqual([
      ['mizan.personal-data-evidence', 'forbid'],
      ['mizan.restricted-attested', 'forbid'],
    ]);
  });

  it('gives a policy without an id one that survives moving it and editing others', () => {
    const [first] = tenantIds('permit(principal, action, resource);');
    const [, moved] = tenantIds('forbid(principal, action, resource) when { context.personalData };\n// a comment\npermit ( principal, action, resource ) ;');
    expect(first).toMatch(/^policy-[0-9a-f]{12}$/);
    expect(moved).toBe(first);
  });

  it('tells two equal policies without ids apart', () => {
    const [one, two] = tenantIds('permit(principal, action, resource); permit(principal, action, resource);');
    expect(two).toBe(`${one}-2`);
  });

  it('takes the ids given beside separate texts', () => {
    expect(tenantIds([{ id: 'eu', text: 'permit(principal, action, resource);' }, { id: 'x', text: '@id("named") permit(principal, action, resource);' }])).toEqual(['eu', 'named']);
  });

  it('names line, column and character of an unknown attribute, after text of several bytes a character', () => {
    const problems = problemsIn('// schöne Grüße 🎉\n@id("eu")\npermit(principal, action, resource)\nwhen { context.purpose == "ü" && resource.regon == "eu" };');
    expect(problems[0]).toMatchObject({ policy: 'eu', line: 4, column: 8, message: expect.stringContaining('optional attribute `purpose`') });
    expect(problems[1]).toMatchObject({ policy: 'eu', line: 4, column: 34, help: 'did you mean `region`?' });
  });

  it('names line and column of a syntax error', () => {
    expect(problemsIn('permit(principal, action, resource);\n\n  permit(principal,, action);')[0]).toMatchObject({ line: 3, column: 20, message: 'unexpected token `,`' });
  });

  it('reports problems of several policies at once, each with its own place', () => {
    const problems = problemsIn('permit(principal, action, resource) when { context.a };\npermit(principal, action, resource) when { context.b };');
    expect(problems.map(({ line, column }) => [line, column])).toEqual([[1, 44], [2, 44]]);
  });

  it('refuses a template, a duplicate id, a malformed id and an id of the platform', () => {
    expect(problemsIn('permit(principal == ?principal, action, resource);')[0]!.message).toContain('template');
    expect(problemsIn('@id("a") permit(principal, action, resource);\n@id("a") permit(principal, action, resource);')[0]).toMatchObject({ line: 2, message: 'the id "a" is used twice' });
    expect(problemsIn('@id("a b") permit(principal, action, resource);')[0]!.message).toContain('is not 1 to 100');
    expect(problemsIn('@id("mizan.x") permit(principal, action, resource);')[0]!.message).toContain('belong to the platform');
  });

  it('refuses comparing values of different types', () => {
    expect(problemsIn('permit(principal, action, resource) when { resource.priceNanosPerMillion < "5" };')[0]).toMatchObject({ line: 1 });
  });

  it('warns of a condition that is never true and compiles nevertheless', () => {
    const { warnings } = compilePolicies('permit(principal, action, resource) when { false };');
    expect(warnings[0]).toMatchObject({ line: 1, message: expect.stringContaining('impossible') });
  });

  it('has the same digest for the same policies and another for others', () => {
    const digest = (text: string): string => compilePolicies(text).digest;
    expect(digest('permit(principal, action, resource);')).toBe(digest('permit(principal, action, resource);\n'));
    expect(digest('permit(principal, action, resource);')).not.toBe(digest('forbid(principal, action, resource);'));
  });
});
