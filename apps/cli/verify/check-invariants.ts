import { setTimeout as sleep } from 'node:timers/promises';
import { chargesMatchRecords } from './charges-match-records.js';
import { decisionsCounted } from './decisions-counted.js';
import type { Invariant, InvariantResult } from './finding.js';
import type { Problem } from './problem.js';
import { jobsOnce } from './jobs-once.js';
import { ledgerSumsToZero } from './ledger-sums-to-zero.js';
import { logAppendOnly } from './log-append-only.js';
import type { Sources } from './sources.js';
import { vouchersWithinOwed } from './vouchers-within-owed.js';

export const invariants: readonly Invariant[] = [ledgerSumsToZero, chargesMatchRecords, vouchersWithinOwed, jobsOnce, logAppendOnly, decisionsCounted];

/** Problems named in one answer. */
const namedMax = 3;
const lookAgainMs = 500;

/** Looks at all six, one after the other. */
export async function checkInvariants(sources: Sources, patienceMs: number, checked: readonly Invariant[] = invariants): Promise<InvariantResult[]> {
  const results: InvariantResult[] = [];
  for (const invariant of checked) {
    try {
      results.push(await checkOne(invariant, sources, patienceMs));
    } catch (error) {
      results.push({ name: invariant.name, holds: false, detail: `could not be checked: ${error instanceof Error ? error.message : String(error)}` });
    }
  }
  return results;
}

/**
 * Looks until all is well or patience is over. Services exchange facts by messages, so what one has and another has not
 * is a breach only if it was seen during the whole second half of the wait.
 */
async function checkOne(invariant: Invariant, sources: Sources, patienceMs: number): Promise<InvariantResult> {
  const { clock } = sources;
  const startedMs = clock.monotonicMs();
  let seenSinceMs = new Map<string, number>();
  for (;;) {
    const { problems, looked } = await invariant.check(sources);
    if (problems.length === 0) return { name: invariant.name, holds: true, detail: looked };
    const certain = problems.filter(({ passing }) => !passing);
    if (certain.length > 0) return breach(invariant, certain);
    const nowMs = clock.monotonicMs();
    seenSinceMs = new Map(problems.map(({ key }) => [key, seenSinceMs.get(key) ?? nowMs]));
    if (nowMs - startedMs >= patienceMs) {
      const lasting = problems.filter(({ key }) => nowMs - seenSinceMs.get(key)! >= patienceMs / 2);
      return lasting.length > 0 ? breach(invariant, lasting) : { name: invariant.name, holds: true, detail: `${looked}; ${problems.length} on their way` };
    }
    await sleep(Math.min(lookAgainMs, patienceMs));
  }
}

function breach({ name }: Invariant, problems: readonly Problem[]): InvariantResult {
  const named = problems.slice(0, namedMax).map(({ message }) => message);
  const more = problems.length > namedMax ? [`and ${problems.length - namedMax} more`] : [];
  return { name, holds: false, detail: [...named, ...more].join('; ') };
}
