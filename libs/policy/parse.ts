import { checkParsePolicySet, policySetTextToParts, policyToJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { DetailedError, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { PolicyProblem } from './invalid.js';
import { positionOfByte, positionOfIndex } from './position.js';
import { overLimit } from './text-limits.js';

/** One policy as it stands in its text. */
export interface ParsedPolicy {
  readonly text: string;
  readonly json: PolicyJson;
  /** The whole text it was cut from, and where it starts there, in UTF-8 bytes. */
  readonly source: string;
  readonly startByte: number;
  /** Id given beside the text, if any. */
  readonly givenId: string | undefined;
}

/** Cuts a text into its policies, in their order; or says what is wrong with it. */
export function parsePolicies(source: string, givenId: string | undefined): ParsedPolicy[] | PolicyProblem[] {
  const limit = overLimit(source);
  if (limit) return [{ ...limit, policy: givenId }];
  const checked = checkParsePolicySet({ staticPolicies: source });
  if (checked.type === 'failure') return checked.errors.flatMap((error) => problemsOf(error, source, 0, givenId)).sort(byPosition);
  const parts = policySetTextToParts(source);
  if (parts.type === 'failure') return parts.errors.flatMap((error) => problemsOf(error, source, 0, givenId));
  let cursor = 0;
  return inTextOrder(parts.policies).map((text) => {
    const start = source.indexOf(text, cursor);
    cursor = start + text.length;
    const parsed = policyToJson(text);
    if (parsed.type === 'failure') throw new Error(`a policy that parsed in its set does not parse alone: ${parsed.errors[0]?.message}`);
    return { text, json: parsed.json, source, startByte: Buffer.byteLength(source.slice(0, start)), givenId };
  });
}

/** Cedar lists the parts by the text of their generated ids: policy0, policy1, policy10, policy2. */
function inTextOrder(parts: readonly string[]): string[] {
  const generated = parts.map((_, index) => `policy${index}`).sort();
  const ordered: string[] = [];
  for (const [at, id] of generated.entries()) ordered[Number(id.slice('policy'.length))] = parts[at]!;
  return ordered;
}

/** Flattens one of Cedar's errors; offsets are bytes from `startByte` of `source`. */
export function problemsOf(error: DetailedError, source: string, startByte: number, policy: string | undefined): PolicyProblem[] {
  const location = error.sourceLocations?.[0];
  const position = location ? positionOfByte(source, startByte + location.start) : positionOfIndex(source, firstVisible(source));
  const message = error.message.replace(/^failed to parse polic(y|ies) from string: /, '').replace(/^for policy `[^`]*`, /, '');
  const help = error.help ?? location?.label ?? undefined;
  return [{ policy, message, help, ...position }, ...(error.related ?? []).flatMap((related) => problemsOf(related, source, startByte, policy))];
}

export function byPosition(left: PolicyProblem, right: PolicyProblem): number {
  return left.line - right.line || left.column - right.column;
}

function firstVisible(source: string): number {
  return Math.max(0, source.search(/\S/));
}
