/** Ids beginning like this belong to the platform; tenants cannot use them. */
export const platformPrefix = 'mizan.';

/** Reported as the determining "policy" when nothing permits a request. */
export const defaultDenyId = `${platformPrefix}default-deny`;
/** Reported when a request or a policy could not be evaluated. */
export const evaluationErrorId = `${platformPrefix}evaluation-error`;

/** Rules of the platform, part of every set. They are `forbid`s, so no tenant policy can override them. */
export const builtinPolicies: readonly { readonly id: string; readonly text: string }[] = [
  {
    id: `${platformPrefix}personal-data-evidence`,
    text: `@reason("Personal data runs only where every fact about the machine is in a signed contract or attested.")
forbid(principal, action == Mizan::Action::"run", resource)
when { context.personalData }
unless { ["contract", "attested"].contains(resource.evidence) };`,
  },
  {
    id: `${platformPrefix}restricted-attested`,
    text: `@reason("Restricted data runs only on machines attested by their hardware.")
forbid(principal, action == Mizan::Action::"run", resource)
when { context.dataClass == "restricted" || context.dataClassRank >= 3 }
unless { resource.evidence == "attested" };`,
  },
];
