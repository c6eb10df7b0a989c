import type { DomainError } from '#kernel';
import { failure } from '#protocol';

/** One thing wrong with a policy text. `line` and `column` count from 1; columns count characters. */
export interface PolicyProblem {
  /** Id of the policy, where it is known. */
  readonly policy: string | undefined;
  readonly message: string;
  readonly help: string | undefined;
  readonly line: number;
  readonly column: number;
}

/** `POLICY_INVALID`; `details.problems` is a list of {@link PolicyProblem}. */
export function policyInvalid(problems: readonly PolicyProblem[]): DomainError {
  const first = problems[0];
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  const message = first ? `line ${first.line}, column ${first.column}: ${first.message}${more}` : 'the policies are not valid';
  return failure('POLICY_INVALID', message, { problems });
}
