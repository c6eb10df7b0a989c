/** Who may do what: one table, read by one guard. */
export const Role = {
  /** Operates the deployment: every organisation's set-up, nobody's prompts. */
  platformAdmin: 'platform_admin',
  orgAdmin: 'org_admin',
  developer: 'developer',
  finance: 'finance',
  auditor: 'auditor',
  /** Answers for the rights of those whom data is about, and for what law asks to be kept. */
  compliance: 'compliance',
} as const;
export type Role = (typeof Role)[keyof typeof Role];
export const roles = Object.values(Role) as [Role, ...Role[]];

export const actions = [
  'inference.run',
  'file.use',
  'batch.run',
  'model.read',
  'organisation.create',
  'organisation.read',
  'project.write',
  'project.read',
  'key.write',
  'key.read',
  'limit.write',
  'limit.read',
  'alias.write',
  'alias.read',
  'policy.write',
  'policy.read',
  'policy.dryRun',
  'budget.write',
  'budget.read',
  'price.write',
  'price.read',
  'node.write',
  'node.read',
  'offer.read',
  'record.read',
  'proof.read',
  /** The whole of an organisation's entries with their bodies. */
  'log.export',
  'webhook.write',
  'webhook.read',
  /** Where an organisation has its entries put with their bodies. */
  'bucket.write',
  'bucket.read',
  'payout.read',
  /** When and whom an organisation pays: holds, minimums, schedules, disputes. */
  'payout.write',
  /** Whose deposit pays: the deployment's keystore signs for the address, so no organisation may name one for itself. */
  'payer.write',
  'settlement.run',
  /** Whose data a request used and what share of it is theirs: it moves what one payee earned to another. */
  'royalty.write',
  /** Says that what a node signed for is owed nothing, or was paid beside the books. */
  'claim.resolve',
  /** What is kept back of earnings, and how it ends: it moves what a payee earned. */
  'holdback.read',
  'holdback.write',
  /** Has the deployment take x402 payments, at its gas, for recipients that it named. */
  'x402.facilitate',
  /** The deployment's own accounts, and money moved between them by hand. */
  'ledger.read',
  'ledger.write',
  'close.run',
  'close.read',
  'invoice.read',
  /** Sellers, buyers' details, rates, issuing, credit notes, payments: the seller's own acts. */
  'invoice.write',
  /** The keys that seal records: seen, renewed, handed over to an organisation's own KMS. */
  'custody.read',
  'custody.write',
  /** The key over all of the deployment's tenant keys. */
  'master.rotate',
  /** What of a person is erased: by those who answer for it alone. */
  'erasure.read',
  'erasure.write',
  'retention.read',
  'retention.write',
  'hold.read',
  'hold.write',
  /** Contents that were deleted and that a hold keeps: prompts, answers and files. */
  'held.read',
] as const;
export type Action = (typeof actions)[number];

/** Work with prompts and answers: never the platform's own. */
const working: readonly Action[] = ['inference.run', 'file.use', 'batch.run'];
/** The same of what is held: seen by who answers for it or audits it, in the organisation alone. */
const holding: readonly Action[] = ['held.read'];
/** Decided by the organisation, never by the platform. */
const answering: readonly Action[] = ['erasure.write', 'retention.write', 'hold.write'];
const reading: readonly Action[] = ['model.read', 'organisation.read', 'project.read', 'budget.read', 'price.read', 'offer.read', 'limit.read', 'alias.read'];

/** `own` = only within the principal's organisation; `any` = across organisations. */
export const grants: Record<Role, { scope: 'own' | 'any'; actions: ReadonlySet<Action> }> = {
  platform_admin: { scope: 'any', actions: new Set(actions.filter((action) => ![...working, ...holding, ...answering].includes(action))) },
  org_admin: {
    scope: 'own',
    actions: new Set<Action>([...reading, 'project.write', 'key.write', 'key.read', 'limit.write', 'alias.write', 'policy.write', 'policy.read', 'policy.dryRun', 'budget.write', 'record.read', 'proof.read', 'log.export', 'webhook.write', 'webhook.read', 'bucket.write', 'bucket.read', 'payout.read', 'payout.write', 'settlement.run', 'invoice.read', 'custody.read', 'custody.write', 'erasure.read', 'retention.read', 'hold.read']),
  },
  developer: { scope: 'own', actions: new Set<Action>([...reading, ...working, 'x402.facilitate', 'policy.read', 'record.read', 'proof.read']) },
  finance: { scope: 'own', actions: new Set<Action>([...reading, 'budget.write', 'payout.read', 'payout.write', 'settlement.run', 'proof.read', 'invoice.read']) },
  auditor: { scope: 'own', actions: new Set<Action>([...reading, 'key.read', 'policy.read', 'policy.dryRun', 'record.read', 'proof.read', 'log.export', 'webhook.read', 'bucket.read', 'payout.read', 'node.read', 'invoice.read', 'custody.read', 'erasure.read', 'retention.read', 'hold.read', ...holding]) },
  compliance: { scope: 'own', actions: new Set<Action>([...reading, ...answering, ...holding, 'policy.read', 'record.read', 'proof.read', 'custody.read', 'erasure.read', 'retention.read', 'hold.read']) },
};

/** Who answers for holds and erasures, or audits it: they see what is kept for a hold alone. */
export const seesRestricted: ReadonlySet<Role> = new Set<Role>(['auditor', 'compliance']);

/** Whether a role may act on a resource of `tenant`. A resource without a tenant (`null`) belongs to the deployment. */
export function isAllowed(principal: { role: Role; tenant: string }, action: Action, tenant: string | null): boolean {
  const grant = grants[principal.role];
  if (!grant.actions.has(action)) return false;
  return grant.scope === 'any' || tenant === null || tenant === principal.tenant;
}
