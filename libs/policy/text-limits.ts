import { positionOfIndex } from './position.js';
import type { PolicyProblem } from './invalid.js';

/**
 * Cedar's WebAssembly build recurses on a fixed 1 MiB stack and has no depth check: about 130 nested brackets or 500
 * chained operators overflow it, and from then on every call in the process fails. So texts are measured before
 * Cedar sees them. The limits leave two thirds of the stack free.
 */
export const policyLimits = {
  /** 1,000 policies of 256 bytes, the size of a large set. */
  textCharsMax: 256 * 1024,
  /** One cached evaluation of 1,000 policies takes about 2.7 ms. */
  policiesMax: 1_000,
  bracketDepthMax: 32,
  operatorsPerPolicyMax: 250,
} as const;

const openers = new Set('([{');
const closers = new Set(')]}');
const chainedOperators = new Set('.&|+-*<>=!');

/** The first reason why a text must not reach Cedar's parser. */
export function overLimit(text: string): PolicyProblem | undefined {
  const problem = (message: string, index: number, help?: string): PolicyProblem => ({ policy: undefined, message, help, ...positionOfIndex(text, index) });
  if (text.length > policyLimits.textCharsMax) return problem(`the text has more than ${policyLimits.textCharsMax} characters`, policyLimits.textCharsMax);
  const surrogate = text.search(/\p{Surrogate}/u);
  if (surrogate >= 0) return problem('the text is not valid Unicode', surrogate);
  let depth = 0;
  let operators = 0;
  for (let index = 0; index < text.length; index++) {
    const char = text[index]!;
    if (char === '/' && text[index + 1] === '/') {
      index = endOfLine(text, index);
    } else if (char === '"') {
      const end = endOfString(text, index);
      if (end === undefined) return problem('the string is not closed', index);
      index = end;
    } else if (openers.has(char)) {
      if (++depth > policyLimits.bracketDepthMax) return problem(`more than ${policyLimits.bracketDepthMax} brackets are open`, index, 'flatten the expression');
    } else if (closers.has(char)) {
      depth = Math.max(0, depth - 1);
    } else if (char === ';' && depth === 0) {
      operators = 0;
    } else if (chainedOperators.has(char) || startsIf(text, index)) {
      if (++operators > policyLimits.operatorsPerPolicyMax) {
        return problem(`the policy has more than ${policyLimits.operatorsPerPolicyMax} operators`, index, 'split it, or use a set with `contains`');
      }
      if (text[index + 1] === char) index++;
    }
  }
  return undefined;
}

function endOfLine(text: string, start: number): number {
  let index = start;
  while (index < text.length && text[index] !== '\n' && text[index] !== '\r') index++;
  return index;
}

function endOfString(text: string, start: number): number | undefined {
  for (let index = start + 1; index < text.length; index++) {
    if (text[index] === '"') return index;
    if (text[index] === '\\') index++;
  }
  return undefined;
}

function startsIf(text: string, index: number): boolean {
  return text[index] === 'i' && /^if\b/.test(text.slice(index, index + 3)) && !/\w/.test(text[index - 1] ?? ' ');
}
