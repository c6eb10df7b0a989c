import { createHash } from 'node:crypto';
import { validate } from '@cedar-policy/cedar-wasm/nodejs';
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { builtinPolicies } from './builtin.js';
import { assignIds } from './policy-ids.js';
import { policyInvalid } from './invalid.js';
import type { PolicyProblem } from './invalid.js';
import { byPosition, parsePolicies, problemsOf } from './parse.js';
import type { ParsedPolicy } from './parse.js';
import { positionOfByte } from './position.js';
import { readsOf } from './reads.js';
import type { PolicyReads } from './reads.js';
import { cedarSchema } from './schema.js';
import { policyLimits } from './text-limits.js';

/** One text of any number of policies, or texts of one policy each with an id beside it. */
export type PolicySource = string | readonly { readonly id: string; readonly text: string }[];

export interface CompiledPolicy {
  readonly id: string;
  readonly reason: string;
  readonly effect: 'permit' | 'forbid';
  /** True for the platform's own rules. */
  readonly builtin: boolean;
  readonly text: string;
  readonly json: PolicyJson;
}

/** A set that passed strict validation. Hold on to the object: decisions are remembered by it. */
export interface CompiledPolicySet {
  /** Hex SHA-256 over ids and texts, the platform's rules included. */
  readonly digest: string;
  /** The platform's rules first, then the tenant's in the order of the text. */
  readonly policies: readonly CompiledPolicy[];
  readonly reasons: ReadonlyMap<string, string>;
  readonly reads: PolicyReads;
  /** What validates but looks wrong, such as a condition that is never true. */
  readonly warnings: readonly PolicyProblem[];
}

/** Parses and strictly validates policies, and adds the platform's. Error: `POLICY_INVALID` with `details.problems`. */
export function compilePolicies(source: PolicySource): CompiledPolicySet {
  const parsed = parseAll(source);
  const ids = assignIds(parsed);
  const validated = validate({
    schema: cedarSchema,
    policies: { staticPolicies: Object.fromEntries(parsed.map(({ text }, index) => [`policy${index}`, text])) },
  });
  if (validated.type === 'failure') throw policyInvalid(validated.errors.flatMap((error) => problemsOf(error, '', 0, undefined)));
  const located = ({ policyId, error }: (typeof validated.validationErrors)[number]): PolicyProblem[] => {
    const index = Number(policyId.slice('policy'.length));
    return problemsOf(error, parsed[index]!.source, parsed[index]!.startByte, ids[index]);
  };
  const errors = validated.validationErrors.flatMap(located).sort(byPosition);
  if (errors.length > 0) throw policyInvalid(errors);

  const policies = [...builtin(), ...parsed.map((policy, index) => compiled(ids[index]!, policy.text, policy.json, false))];
  return {
    digest: createHash('sha256').update(JSON.stringify(policies.map(({ id, text }) => [id, text]))).digest('hex'),
    policies,
    reasons: new Map(policies.map(({ id, reason }) => [id, reason])),
    reads: readsOf(policies.map(({ json }) => json)),
    warnings: validated.validationWarnings.flatMap(located),
  };
}

function parseAll(source: PolicySource): ParsedPolicy[] {
  const problems: PolicyProblem[] = [];
  const parsed: ParsedPolicy[] = [];
  for (const { id, text } of typeof source === 'string' ? [{ id: undefined, text: source }] : source) {
    for (const item of parsePolicies(text, id)) {
      if ('json' in item) parsed.push(item);
      else problems.push(item);
    }
  }
  if (parsed.length > policyLimits.policiesMax) {
    const { source: text, startByte } = parsed[policyLimits.policiesMax]!;
    problems.push({ policy: undefined, message: `there are more than ${policyLimits.policiesMax} policies`, help: undefined, ...positionOfByte(text, startByte) });
  }
  if (problems.length > 0) throw policyInvalid(problems);
  return parsed;
}

function builtin(): CompiledPolicy[] {
  return builtinPolicies.flatMap(({ id, text }) =>
    parsePolicies(text, id).map((item) => {
      if (!('json' in item)) throw new Error(`the platform's rule ${id} does not parse: ${item.message}`);
      return compiled(id, text, item.json, true);
    }),
  );
}

function compiled(id: string, text: string, json: PolicyJson, isBuiltin: boolean): CompiledPolicy {
  const reason = json.annotations?.['reason'] || (json.effect === 'forbid' ? `policy ${id} forbids it` : `policy ${id} permits it`);
  return { id, reason, effect: json.effect, builtin: isBuiltin, text, json };
}
