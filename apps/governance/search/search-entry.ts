import type { NumberedDraft } from '../audit/batch.js';

/** One entry as it is found: a row of `search_entries`, in the names of its columns, and `more_policies`, rows of `search_policies`. */
export interface SearchEntry {
  readonly index: number;
  readonly id: string;
  readonly tenant: string | null;
  readonly type: string;
  readonly time_ms: number;
  readonly [term: string]: string | number | null | undefined | readonly string[];
}

/** What an entry is found by. Costs are text, as they pass 2⁵³. */
export function searchEntryOf({ index, id, tenant, type, timeMs, search = {} }: NumberedDraft): SearchEntry {
  const { keyId, dataClass, policyVersion, costNanos, personKey, morePolicies, ...same } = search;
  return { index, id, tenant, type, time_ms: timeMs, ...same, key_id: keyId, data_class: dataClass, policy_version: policyVersion, cost_nanos: costNanos, person_key: personKey, more_policies: morePolicies };
}
