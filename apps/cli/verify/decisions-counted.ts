import { isDecision, parseEnvelope } from '#protocol';
import { DecisionLedger } from './decision-ledger.js';
import type { Finding, Invariant } from './finding.js';
import { broken } from './problem.js';
import { eachLogPage } from './log-rows.js';
import type { LogPage } from './log-rows.js';

const counts = new Set(['decisions.counted', 'run.closed']);

/** Gateways number their decisions without gaps and commit to the numbers: none was left out of the log, none was put in or exchanged. */
export const decisionsCounted: Invariant = {
  name: 'decisions-counted',
  check: ({ snapshot, clock }) =>
    snapshot(async (query): Promise<Finding> => {
      const ledger = new DecisionLedger();
      await eachLogPage(query, (page) => takeAll(ledger, page));
      const { problems, looked } = ledger.finish(clock.nowMs());
      return { problems: problems.map(({ key, message }) => broken(key, message)), looked };
    }),
};

function takeAll(ledger: DecisionLedger, { rows }: LogPage): undefined {
  for (const { index, beside, envelope, leafHash, fields } of rows) {
    if (!beside || !(isDecision(beside.type) || counts.has(beside.type))) continue;
    const { id, type, time } = parseEnvelope(envelope);
    ledger.take({ index, id, type, timeMs: Date.parse(time), leaf: leafHash, fields });
  }
  return undefined;
}
