import { z } from 'zod';
import { findingKind, findingKinds } from './vocabulary.js';
import type { FindingKind } from './vocabulary.js';

/** What happens to personal data in an answer, mildest first: it is counted in the record; taken out; or the answer ends before it. */
export const answerActions = ['record', 'redact', 'stop'] as const;
export const answerAction = z.enum(answerActions);
export type AnswerAction = z.output<typeof answerAction>;

/** For each kind of finding; a kind that is left out is not looked for. */
export const answerRules = z.partialRecord(findingKind, answerAction);
export type AnswerRules = z.output<typeof answerRules>;

/** The strictest of several rules for each kind: nobody's rule is loosened by another's. `undefined`: nothing is looked for. */
export function strictest(all: readonly (AnswerRules | null | undefined)[]): AnswerRules | undefined {
  const rules: Partial<Record<FindingKind, AnswerAction>> = {};
  for (const kind of findingKinds) {
    const rank = Math.max(...all.map((one) => answerActions.indexOf(one?.[kind] as AnswerAction)));
    if (rank >= 0) rules[kind] = answerActions[rank]!;
  }
  return Object.keys(rules).length === 0 ? undefined : rules;
}
