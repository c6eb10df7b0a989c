import { describe, expect, it } from '@jest/globals';
import { compilePolicies } from './compile.js';
import { overLimit, policyLimits } from './text-limits.js';

const policy = (condition: string): string => `permit(principal, action, resource) when { ${condition} };`;
const nested = (depth: number, open: string, close: string, core: string): string => open.repeat(depth) + core + close.repeat(depth);

describe('limits of policy texts', () => {
  it.each([
    ['brackets', policy(nested(40, '(', ')', 'true'))],
    ['sets', policy(nested(40, '[', ']', '1'))],
    ['records', policy(nested(40, '{a:', '}', '1'))],
    ['calls', policy(nested(40, '[true].contains(', ')', 'true'))],
    ['conjunctions', policy('true && '.repeat(60) + 'true')],
    ['attribute accesses', policy('context' + '.a'.repeat(60))],
    ['accesses behind a bracket', policy(`(context${'.a'.repeat(25)})${'.a'.repeat(25)}`)],
    ['sums', policy('1 + '.repeat(60) + '1 > 3')],
    ['comparisons', policy('1 == '.repeat(60) + '1')],
    ['branches', policy('if true then true else '.repeat(60) + 'true')],
    ['chains within chains', policy(nested(5, 'true && true && true && true && true && true && true && (', ')', 'true'))],
  ])('refuse too deep %s', (_, text) => {
    expect(overLimit(text)).toMatchObject({ line: 1, message: 'the condition is nested or chained too deeply' });
  });

  it('refuse brackets that do not match', () => {
    expect(overLimit(policy('(]'))).toMatchObject({ line: 1, column: 45, message: '"]" closes nothing that is open' });
    expect(overLimit(')))((')).toMatchObject({ column: 1 });
  });

  it('do not count what stands in strings and comments, nor one policy against the next', () => {
    expect(overLimit(policy(`context.model == "${'(('.repeat(50)}\\"((" // ${'['.repeat(50)}\n`))).toBeUndefined();
    expect(overLimit(policy('context.personalData && resource.country == "DE"').repeat(200))).toBeUndefined();
  });

  it('leave room for forty terms and for long sets', () => {
    const terms = Array.from({ length: 40 }, (_, index) => `resource.region == "region-${index}"`);
    expect(compilePolicies(policy(terms.join(' || '))).policies).toHaveLength(3);
    expect(compilePolicies(policy(`[${Array.from({ length: 2_000 }, (_, index) => `"a${index}"`).join(', ')}].contains(resource.region)`)).policies).toHaveLength(3);
  });

  it('refuse an unclosed string, malformed Unicode and too long a text', () => {
    expect(overLimit(policy('context.model == "a'))?.message).toContain('not closed');
    expect(overLimit('// \ud800')?.message).toContain('Unicode');
    expect(overLimit(' '.repeat(policyLimits.textCharsMax + 1))?.message).toContain('characters');
  });

  it('let Cedar work on after the deepest texts that they allow and after those that they refuse', () => {
    const deepest = (make: (size: number) => string): string => {
      let size = 1;
      while (!overLimit(make(size + 1))) size++;
      expect(size).toBeGreaterThan(5);
      return make(size);
    };
    const allowed = [
      deepest((size) => policy(nested(size, '(', ')', 'true'))),
      deepest((size) => policy(nested(size, '[true].contains(', ')', 'true'))),
      deepest((size) => policy('true && '.repeat(size) + 'true')),
      deepest((size) => policy('1 + '.repeat(size) + '1 > 3')),
      deepest((size) => policy('if true then true else '.repeat(size) + 'true')),
    ];
    for (const text of allowed) expect(compilePolicies(text).policies).toHaveLength(3);
    expect(() => compilePolicies(policy(nested(20_000, '(', ')', 'true')))).toThrow('too deeply');
    expect(compilePolicies('permit(principal, action, resource);').policies).toHaveLength(3);
  });
});
