import type { AuthorizationAnswer } from '@cedar-policy/cedar-wasm/nodejs';
import { defaultDenyId, evaluationErrorId } from './builtin.js';
import type { CompiledPolicySet } from './compile.js';
import type { Verdict } from './decide.js';

/** Name under which Cedar keeps the parsed schema; the same text for everyone. */
export const schemaName = 'mizan';

/** Reads Cedar's answer strictly: a policy that failed might have been a `forbid`, so any error is a denial. */
export function verdictOf(set: CompiledPolicySet, answer: AuthorizationAnswer): Verdict {
  if (answer.type === 'failure') return unevaluated(...answer.errors.map(({ message }) => message));
  const { decision, diagnostics } = answer.response;
  if (diagnostics.errors.length > 0) {
    return unevaluated(...diagnostics.errors.map(({ policyId, error }) => `policy ${policyId}: ${error.message}`).sort());
  }
  const determining = [...diagnostics.reason].sort().map((id) => ({ id, reason: set.reasons.get(id) ?? `policy ${id}` }));
  if (determining.length > 0) return { decision: decision === 'allow' ? 'permit' : 'deny', determining, errors: [] };
  return { decision: 'deny', determining: [{ id: defaultDenyId, reason: defaultDenyReason(set) }], errors: [] };
}

/** A denial because the question could not be answered. */
export function unevaluated(...errors: readonly string[]): Verdict {
  const reason = `The policies could not be evaluated, so the answer is no: ${errors[0] ?? 'unknown error'}.`;
  return { decision: 'deny', determining: [{ id: evaluationErrorId, reason }], errors: errors.length > 0 ? errors : ['unknown error'] };
}

function defaultDenyReason(set: CompiledPolicySet): string {
  const permits = set.policies.filter(({ effect }) => effect === 'permit').length;
  if (permits === 0) return 'No policy permits anything yet, and what is not permitted is denied.';
  return `None of the ${permits} permitting ${permits === 1 ? 'policy' : 'policies'} applies, and what is not permitted is denied.`;
}
