import type { BundleVerdict, OpenEntry } from '#merkle';
import { CedarEvaluator, compilePolicies, contextOf, decisionIn, DecisionMemo, defaultDenyId, mayRead, principalOf } from '#policy';
import type { CompiledPolicySet, PolicyOffer } from '#policy';
import { offersSeen } from '#protocol';
import type { DecisionFields } from '#protocol';

/** One thing that the record says otherwise than the decision made again. */
export interface Difference {
  readonly what: string;
  readonly recorded: unknown;
  readonly again: unknown;
}

export interface Replay {
  /** `unable`: the file does not hold what it takes. */
  readonly result: 'same' | 'differs' | 'unable';
  readonly reason: string | undefined;
  readonly decision: Pick<DecisionFields, 'decision' | 'policies' | 'permittedOffers' | 'consideredOffers'> | undefined;
  /** Why the request was refused: `POLICY_DENIED` is decided again, all else (money, capacity) was not the policy's to say. */
  readonly refusal: string | undefined;
  readonly permitted: readonly string[];
  readonly differences: readonly Difference[];
}

interface SeenAsOffer extends PolicyOffer {
  readonly price: string;
}

/**
 * Decides a record again from its bundle, which must have been verified: the recorded request, over the policy text of the recorded version and
 * the offers as they were, by Cedar. Prices are in those offers; the charge is checked with the bundle.
 */
export function decideAgain({ entries, others }: Pick<BundleVerdict, 'entries' | 'others'>): Replay {
  const unable = (reason: string): Replay => ({ result: 'unable', reason, decision: undefined, refusal: undefined, permitted: [], differences: [] });
  if (entries.some(({ withheld }) => withheld > 0)) return unable('the file shows only some fields of the record');
  const decided = entries.find(({ fields, hidden }) => fields !== null && decisionIn(fields, hidden) !== undefined);
  if (decided === undefined) return unable('the record holds no decision, or its body is not in the file');
  const recorded = decisionIn(decided.fields!, decided.hidden)!;
  const seen = offersSeen.safeParse(ofType(others, 'offers.seen')?.fields).data;
  if (!seen) return unable('the offers that the decision chose among are not in the file');
  const organisation = recorded.principal.organisation ?? decided.fields!['tenant'];
  if (typeof organisation !== 'string') return unable('the record does not name its organisation');
  const text = others.find(({ type, fields }) => type === 'policy.published' && fields?.['version'] === recorded.policyVersion)?.fields?.['text'];
  if (recorded.policyVersion > 0 && typeof text !== 'string') return unable(`version ${recorded.policyVersion} of the policy is not in the file`);
  if (typeof text === 'string' && mayRead(text, decided.hidden)) return unable('the tags that the policy may have decided by named a person, and are erased');
  const offers = seen.offers.map(({ id, facts, price }): SeenAsOffer => ({ id, facts, price }));
  const again = recorded.policyVersion === 0 ? withoutPolicy(offers) : decide(compilePolicies(text as string), organisation, recorded, offers);
  const differences = [...compared(recorded, again), ...outcome(decided, again.decision), ...placements(entries, again.permitted)];
  return { result: differences.length === 0 ? 'same' : 'differs', reason: undefined, decision: again.decision, refusal: refusalOf(decided.fields), permitted: again.permitted.map(({ id }) => id), differences };
}

interface Again {
  readonly decision: NonNullable<Replay['decision']>;
  readonly permitted: readonly SeenAsOffer[];
}

function decide(set: CompiledPolicySet, organisation: string, recorded: DecisionFields, offers: readonly SeenAsOffer[]): Again {
  const { permitted, refusals } = new DecisionMemo(new CedarEvaluator(1)).decideOffers(set, principalOf(organisation, recorded), contextOf(recorded), offers);
  const determining = permitted.length > 0 ? permitted : refusals;
  const policies = [...new Map(determining.flatMap((one) => one.policies).map(({ id, reason }) => [id, { id, reason }])).values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  return { decision: { decision: permitted.length > 0 ? 'permit' : 'deny', policies, permittedOffers: permitted.length, consideredOffers: offers.length }, permitted: permitted.map(({ offer }) => offer) };
}

/** No policy means no. */
function withoutPolicy(offers: readonly SeenAsOffer[]): Again {
  return { decision: { decision: 'deny', policies: [{ id: defaultDenyId, reason: null }], permittedOffers: 0, consideredOffers: offers.length }, permitted: [] };
}

function compared(recorded: DecisionFields, { decision }: Again): Difference[] {
  const idsOf = (policies: DecisionFields['policies']): string[] => policies.map(({ id }) => id);
  const pairs: [string, unknown, unknown][] = [
    ['decision', recorded.decision, decision.decision],
    ['deciding policies', idsOf(recorded.policies), idsOf(decision.policies)],
    ['permitted offers', recorded.permittedOffers, decision.permittedOffers],
    ['considered offers', recorded.consideredOffers, decision.consideredOffers],
  ];
  return pairs.filter(([, a, b]) => JSON.stringify(a) !== JSON.stringify(b)).map(([what, a, b]) => ({ what, recorded: a, again: b }));
}

const deniedCode = 'POLICY_DENIED';

/** A request is refused by the policy exactly when that permits no offer, and is answered with another's answer only when it permits one. Where it ran is looked at apart. */
function outcome({ type, fields }: OpenEntry, { decision }: Again['decision']): Difference[] {
  if (type === 'admitted') return [];
  const recorded = refusalOf(fields) ?? type;
  const again = decision === 'deny' ? deniedCode : 'permit';
  return (recorded === deniedCode) === (decision === 'deny') ? [] : [{ what: 'outcome', recorded, again }];
}

const refusalOf = (fields: OpenEntry['fields']): string | undefined => (fields?.['refusal'] as { code?: string } | undefined)?.code;

/** Every machine that a record names, first, in place of another, or tried for nothing, must be permitted, at the price that its offer had then; each is told once. */
function placements(entries: readonly OpenEntry[], permitted: readonly SeenAsOffer[]): Difference[] {
  const ids = permitted.map(({ id }) => id);
  const found = new Map<string, Difference>();
  for (const { type, index, fields } of entries) {
    if (fields === null || !['admitted', 'completed', 'reused'].includes(type)) continue;
    const tell = (what: string, recorded: unknown, again: unknown): void => {
      const key = JSON.stringify([what, recorded]);
      if (!found.has(key)) found.set(key, { what: type === 'admitted' ? what : `${what} (${type}, entry ${index})`, recorded, again });
    };
    const { offer, attempts } = fields;
    const placed = permitted.find(({ id }) => id === offer);
    if (offer !== undefined && placed === undefined) tell('offer', offer, ids);
    else if (placed !== undefined && placed.price !== fields['priceVersion']) tell('price version', fields['priceVersion'], placed.price);
    for (const attempt of Array.isArray(attempts) ? (attempts as readonly { offer?: string }[]) : []) if (!ids.includes(attempt.offer ?? '')) tell('offer', attempt.offer, ids);
  }
  return [...found.values()];
}

const ofType = (entries: readonly OpenEntry[], type: string): OpenEntry | undefined => entries.find((entry) => entry.type === type);
