import type { BundleVerdict } from '#merkle';
import type { Replay } from './decide-again.js';

const exitCodes = { same: 0, differs: 1, unable: 3 } as const;

/** Prints what came out, and what differs. */
export function reportReplay({ record }: BundleVerdict, replay: Replay, json: boolean | undefined): void {
  if (json === true) console.log(JSON.stringify({ record, ...replay, reason: replay.reason ?? null, decision: replay.decision ?? null, refusal: replay.refusal ?? null }, null, 2));
  else {
    if (replay.decision !== undefined) {
      const { decision, policies, permittedOffers, consideredOffers } = replay.decision;
      console.log(`again    ${decision} by ${policies.map(({ id }) => id).join(', ')}: ${permittedOffers} of ${consideredOffers} offers`);
    }
    if (replay.refusal !== undefined && replay.decision?.decision === 'permit') console.log(`refused  ${replay.refusal}, which is not the policy's to say and is not decided again`);
    for (const { what, recorded, again } of replay.differences) console.log(`DIFFERS  ${what}: the record says ${JSON.stringify(recorded)}, again it is ${JSON.stringify(again)}`);
    console.log(`record ${record}: ${replay.result === 'same' ? 'the same decision' : replay.result === 'differs' ? 'another decision' : `cannot be decided again: ${replay.reason}`}`);
  }
  const code = exitCodes[replay.result];
  if (code !== 0) process.exitCode = code;
}
