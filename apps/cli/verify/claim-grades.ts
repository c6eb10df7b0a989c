import type { BundleVerdict } from '#merkle';

export interface GradedClaim {
  readonly claim: string;
  readonly grade: string;
}

const machineGrades: Record<string, string> = { attested: 'attested by its hardware', contract: 'in a contract that the provider signed', declared: 'declared by the provider alone' };

/** How what a record says is known: by hardware, by the provider's signature, by arithmetic, or because Mizan says so. */
export function gradesOf({ entries, checks }: BundleVerdict): GradedClaim[] {
  const fieldsOf = (name: string): unknown => entries.map(({ fields }) => fields?.[name]).find((value) => value !== undefined && value !== null);
  const held = (name: string): boolean => checks.some((check) => check.name === name && check.holds === true);
  const machine = fieldsOf('machine') as { evidence?: string } | undefined;
  return [
    ...(fieldsOf('decision') === undefined ? [] : [{ claim: 'who asked, what was found in the request, and the decision', grade: 'asserted by Mizan; `mizan audit replay` makes the decision again' }]),
    ...(machine === undefined ? [] : [{ claim: 'where the machine is and what it is', grade: machineGrades[machine.evidence ?? ''] ?? 'asserted by Mizan' }]),
    ...(fieldsOf('usage') === undefined ? [] : [{ claim: 'usage, and the hashes of request and answer', grade: held('receipt') ? 'signed by the provider' : 'asserted by Mizan' }]),
    ...(held('charge') ? [{ claim: 'the charge', grade: 'computed again from usage and price' }] : []),
    ...(held('anchor') ? [{ claim: 'the anchor', grade: held('chain') ? 'found on the chain' : 'asserted by Mizan; the chain can be asked with --rpc' }] : []),
  ];
}
