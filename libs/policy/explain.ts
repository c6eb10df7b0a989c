import { isAuthorized, policyToText } from '@cedar-policy/cedar-wasm/nodejs';
import type { AuthorizationCall, Clause, Expr, Policy, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { toCedar } from './cedar-request.js';
import type { CompiledPolicy, CompiledPolicySet } from './compile.js';
import type { PolicyEvaluator, PolicyRequest, Verdict } from './decide.js';
import { cedarSchema } from './schema.js';

export interface PolicyExplanation {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly reason: string;
  readonly outcome: 'applies' | 'does not apply' | 'failed';
  /** Of a policy that does not apply: the conditions that were not met, as Cedar text. */
  readonly unmet: readonly string[];
  readonly error: string | undefined;
}

export interface Explanation {
  readonly verdict: Verdict;
  readonly policies: readonly PolicyExplanation[];
}

/**
 * Decides a question again and says of each policy whether it applied and, if not, why not. For dry runs and replays:
 * it parses anew and takes milliseconds.
 */
export function explain(evaluator: PolicyEvaluator, set: CompiledPolicySet, request: PolicyRequest): Explanation {
  const verdict = evaluator.evaluate(set, request);
  const call = toCedar(request);
  if (typeof call === 'string') return { verdict, policies: [] };
  return { verdict, policies: set.policies.map((policy) => explainOne(policy, call)) };
}

type Call = Omit<AuthorizationCall, 'policies'>;

function explainOne({ id, effect, reason, text, json }: CompiledPolicy, call: Call): PolicyExplanation {
  const { outcome, error } = trial(text, call);
  return { id, effect, reason, outcome, unmet: outcome === 'does not apply' ? unmet(json, call) : [], error };
}

/** Runs one policy alone: it applies when it is what determined the answer. */
function trial(policy: Policy, call: Call): Pick<PolicyExplanation, 'outcome' | 'error'> {
  const answer = isAuthorized({ ...call, schema: cedarSchema, validateRequest: true, policies: { staticPolicies: { trial: policy } } });
  const error = answer.type === 'failure' ? answer.errors[0]?.message : answer.response.diagnostics.errors[0]?.error.message;
  if (error !== undefined || answer.type === 'failure') return { outcome: 'failed', error: error ?? 'unknown error' };
  return { outcome: answer.response.diagnostics.reason.length > 0 ? 'applies' : 'does not apply', error: undefined };
}

const everything: PolicyJson = { effect: 'permit', principal: { op: 'All' }, action: { op: 'All' }, resource: { op: 'All' }, conditions: [] };

function unmet({ principal, action, resource, conditions }: PolicyJson, call: Call): string[] {
  if (trial({ ...everything, principal, action, resource }, call).outcome !== 'applies') return ['the application or the offer is not one that it names'];
  return conditions.flatMap(conjuncts).flatMap((clause) => {
    try {
      const alone = { ...everything, conditions: [clause] };
      return trial(alone, call).outcome === 'does not apply' ? [conditionText(alone)] : [];
    } catch {
      return []; // Cedar reads JSON only 128 levels deep, less than its own text
    }
  });
}

/** `when { a && b }` is two conditions; `unless` stays whole. */
function conjuncts(clause: Clause): Clause[] {
  const both = (clause.body as { '&&'?: { left: Expr; right: Expr } })['&&'];
  if (clause.kind !== 'when' || !both) return [clause];
  return [both.left, both.right].flatMap((body) => conjuncts({ kind: 'when', body }));
}

function conditionText(policy: PolicyJson): string {
  const answer = policyToText(policy);
  if (answer.type === 'failure') return 'a condition';
  return answer.text.replace(/^permit\(principal, action, resource\)\s*/, '').replace(/;\s*$/, '').trim();
}
