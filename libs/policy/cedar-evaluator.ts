import { randomUUID } from 'node:crypto';
import { preparsePolicySet, preparseSchema, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { Lru } from '#kernel';
import { toCedar } from './cedar-request.js';
import type { CompiledPolicySet } from './compile.js';
import { PolicyEvaluator } from './decide.js';
import type { PolicyRequest, Verdict } from './decide.js';
import { schemaName, unevaluated, verdictOf } from './verdict.js';
import { cedarSchema } from './schema.js';

/** Cedar keeps parsed sets for ever, so a fixed number of slots is overwritten. 100 policies take about 0.14 MB parsed. */
const slotsMaxDefault = 256;

/** Cedar's own WebAssembly build: the reference for every other evaluator. */
export class CedarEvaluator extends PolicyEvaluator {
  private readonly slotPrefix = `mizan-${randomUUID()}`;
  private readonly slotByDigest: Lru<string, string>;
  private readonly freeSlots: string[];

  constructor(slotsMax = slotsMaxDefault) {
    super();
    this.slotByDigest = new Lru(slotsMax, (slot) => this.freeSlots.push(slot));
    this.freeSlots = Array.from({ length: slotsMax + 1 }, (_, index) => `${this.slotPrefix}-${index}`);
    const parsed = preparseSchema(schemaName, cedarSchema);
    if (parsed.type === 'failure') throw new Error(`the policy schema does not parse: ${parsed.errors[0]?.message}`);
  }

  evaluate(set: CompiledPolicySet, request: PolicyRequest): Verdict {
    try {
      const call = toCedar(request);
      if (typeof call === 'string') return unevaluated(call);
      const answer = statefulIsAuthorized({ ...call, preparsedPolicySetId: this.slotOf(set), preparsedSchemaName: schemaName, validateRequest: true });
      return verdictOf(set, answer);
    } catch (error) {
      return unevaluated(`the policy engine failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private slotOf(set: CompiledPolicySet): string {
    const known = this.slotByDigest.get(set.digest);
    if (known) return known;
    const slot = this.freeSlots.pop()!;
    const parsed = preparsePolicySet(slot, { staticPolicies: Object.fromEntries(set.policies.map(({ id, text }) => [id, text])) });
    if (parsed.type === 'failure') {
      this.freeSlots.push(slot);
      throw new Error(parsed.errors[0]?.message ?? 'the set does not parse');
    }
    this.slotByDigest.set(set.digest, slot);
    return slot;
  }
}
