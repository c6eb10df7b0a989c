import type { BundleVerdict } from '#merkle';

export interface GradedClaim {
  readonly claim: string;
  /** Names of the record's fields that say it. */
  readonly fields: readonly string[];
  readonly grade: string;
}

const machineGrades: Record<string, string> = {
  attested: 'asserted by Mizan, which says that its hardware attests it',
  contract: 'asserted by Mizan, which says that a contract with the provider states it',
  declared: 'declared by the provider alone',
};
const asserted = 'asserted by Mizan';

type Held = (check: string) => boolean;
type Value = (field: string) => unknown;

/** Claims that are known by more than Mizan's word, by the fields that say them. A field that is in none is asserted. */
const claims: readonly { readonly claim: string; readonly fields: readonly string[]; readonly grade: (held: Held, value: Value) => string }[] = [
  {
    claim: 'where the machine is and what it is',
    fields: ['machine'],
    grade: (_, value) => machineGrades[(value('machine') as { evidence?: string } | undefined)?.evidence ?? ''] ?? asserted,
  },
  { claim: 'usage, and the hashes of request and answer', fields: ['usage', 'requestHash', 'responseHash', 'receipt', 'node', 'offer'], grade: (held) => (held('receipt') ? 'signed by the provider' : asserted) },
  { claim: 'the charge', fields: ['chargeNanos'], grade: (held) => (held('charge') ? 'computed again from usage and price' : asserted) },
  { claim: 'the price', fields: ['price', 'priceVersion'], grade: (held) => (held('price') ? 'asserted by Mizan, in the log before the decision' : asserted) },
  { claim: 'the policy in force', fields: ['policyVersion', 'policyHash'], grade: (held) => (held('policy') ? 'asserted by Mizan, its text in the log before the decision' : asserted) },
];

/** How each claim of a record is known: by hardware, by the provider's signature, by arithmetic, or because Mizan says so. Every field is in exactly one. */
export function gradesOf({ entries: own, checks }: BundleVerdict): GradedClaim[] {
  const value: Value = (name) => own.map(({ fields }) => fields?.[name]).find((one) => one !== undefined && one !== null);
  const held: Held = (name) => checks.some((check) => check.name === name && check.holds === true);
  const names = [...new Set(own.flatMap(({ fields }) => Object.keys(fields ?? {})))].filter((name) => value(name) !== undefined);
  const graded = claims.map(({ claim, fields, grade }) => ({ claim, fields: fields.filter((name) => names.includes(name)), grade: grade(held, value) })).filter(({ fields }) => fields.length > 0);
  const rest = names.filter((name) => !claims.some(({ fields }) => fields.includes(name)));
  const replayed = value('decision') === undefined ? '' : '; `mizan audit replay` makes the decision again';
  return [
    ...(rest.length === 0 ? [] : [{ claim: 'who asked, what was found in the request, the decision, and all else', fields: rest, grade: `${asserted}${replayed}` }]),
    ...graded,
    ...(held('anchor') ? [{ claim: 'the anchor', fields: [], grade: held('chain') ? 'found on the chain' : `${asserted}; the chain can be asked with --rpc` }] : []),
  ];
}
