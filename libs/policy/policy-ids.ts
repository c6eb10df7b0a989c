import { createHash } from 'node:crypto';
import { canonicalJson } from '#kernel';
import type { Json } from '#kernel';
import { platformPrefix } from './builtin.js';
import { policyInvalid } from './invalid.js';
import type { PolicyProblem } from './invalid.js';
import type { ParsedPolicy } from './parse.js';
import { positionOfByte } from './position.js';

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/**
 * One id per policy: its `@id`, else the id given beside it, else one made from what the policy says, which stays
 * the same when other policies come, go or move. Error: `POLICY_INVALID` for ids that are malformed, reserved or taken.
 */
export function assignIds(parsed: readonly ParsedPolicy[]): string[] {
  const taken = new Set<string>();
  const problems: PolicyProblem[] = [];
  const named = parsed.map((policy) => {
    const annotated = policy.json.annotations?.['id'];
    const id = annotated === undefined ? policy.givenId : (annotated ?? '');
    if (id === undefined) return undefined;
    const message = faultOf(id, taken);
    if (message) problems.push({ policy: id, message, help: undefined, ...positionOfByte(policy.source, policy.startByte) });
    taken.add(id);
    return id;
  });
  if (problems.length > 0) throw policyInvalid(problems);
  return named.map((id, index) => id ?? contentId(parsed[index]!, taken));
}

function faultOf(id: string, taken: ReadonlySet<string>): string | undefined {
  if (!idPattern.test(id)) return `the id ${JSON.stringify(id.slice(0, 100))} is not 1 to 100 letters, digits, dots, hyphens or underscores`;
  if (id.startsWith(platformPrefix)) return `ids that begin with "${platformPrefix}" belong to the platform`;
  if (taken.has(id)) return `the id "${id}" is used twice`;
  return undefined;
}

function contentId({ json }: ParsedPolicy, taken: Set<string>): string {
  const content = canonicalJson({ ...json, annotations: undefined } as unknown as Json);
  const base = `policy-${createHash('sha256').update(content).digest('hex').slice(0, 12)}`;
  let id = base;
  for (let copy = 2; taken.has(id); copy++) id = `${base}-${copy}`;
  taken.add(id);
  return id;
}
