import { policyTokens } from './tokens.js';
import type { PolicyProblem } from './invalid.js';
import { positionOfIndex } from './position.js';

/**
 * Cedar's WebAssembly build recurses on the caller's stack and has no depth check: about 70 nested brackets or 100
 * chained operators overflow Node's default stack, and from then on every call in the process fails. So texts are
 * measured before Cedar sees them, and what passes uses less than half of that.
 */
export const policyLimits = {
  /** 1,000 policies of 256 characters, the size of a large set. */
  textCharsMax: 256 * 1024,
  /** One cached evaluation of 1,000 policies takes about 2.7 ms. */
  policiesMax: 1_000,
  /** Depth of a condition as a tree: a bracket counts two, an operator of a chain one. */
  depthMax: 48,
} as const;

const bracketDepth = 2;
const closerOf: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const endsOperand = new Set(['&&', '||', 'if']);

/** One open bracket. Chains of `&&` and `||` grow the tree by one each; between them, each operand by its own operators. */
interface Level {
  readonly closer: string;
  chain: number;
  operand: number;
  deepestOperand: number;
}
const openLevel = (closer: string): Level => ({ closer, chain: 0, operand: 0, deepestOperand: 0 });
const depthOf = ({ chain, operand, deepestOperand }: Level): number => chain + Math.max(operand, deepestOperand);

/** The first reason why a text must not reach Cedar's parser. */
export function overLimit(text: string): PolicyProblem | undefined {
  const problem = (message: string, index: number, help?: string): PolicyProblem => ({ policy: undefined, message, help, ...positionOfIndex(text, index) });
  if (text.length > policyLimits.textCharsMax) return problem(`the text has more than ${policyLimits.textCharsMax} characters`, policyLimits.textCharsMax);
  const surrogate = text.search(/\p{Surrogate}/u);
  if (surrogate >= 0) return problem('the text is not valid Unicode', surrogate);

  let levels = [openLevel('')];
  for (const { token, index } of policyTokens(text)) {
    const level = levels[levels.length - 1]!;
    if (token === '"') return problem('the string is not closed', index);
    if (token in closerOf) levels.push(openLevel(closerOf[token]!));
    else if (token === ')' || token === ']' || token === '}') {
      if (token !== level.closer) return problem(`"${token}" closes nothing that is open`, index);
      levels.pop();
      levels[levels.length - 1]!.operand += depthOf(level) + bracketDepth;
    } else if (token === ';' && levels.length === 1) levels = [openLevel('')];
    else if (token === ',' || endsOperand.has(token)) {
      level.deepestOperand = Math.max(level.deepestOperand, level.operand);
      level.operand = 0;
      if (token !== ',') level.chain += 1;
    } else level.operand += 1;
    if (totalDepth(levels) > policyLimits.depthMax) {
      return problem('the condition is nested or chained too deeply', index, 'split the policy, or use a set with `contains`');
    }
  }
  return undefined;
}

function totalDepth(levels: readonly Level[]): number {
  return levels.reduce((sum, level) => sum + depthOf(level) + bracketDepth, -bracketDepth);
}
