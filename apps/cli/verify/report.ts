import type { InvariantResult } from './finding.js';
import type { ProofVerdict } from './offline-proof.js';

/** Prints what was found; the exit code says it too: 1 when anything does not hold. */
export function reportInvariants(invariants: readonly InvariantResult[], json: boolean | undefined): void {
  const holds = invariants.every((invariant) => invariant.holds);
  if (json === true) console.log(JSON.stringify({ holds, invariants }, null, 2));
  else {
    const width = Math.max(...invariants.map(({ name }) => name.length));
    for (const invariant of invariants) console.log(`${invariant.holds ? 'holds ' : 'BROKEN'}  ${invariant.name.padEnd(width)}  ${invariant.detail}`);
  }
  if (!holds) process.exitCode = 1;
}

/** The exit code is 1 when it is wrong, 3 when something could not be checked. */
export function reportProof(verdict: ProofVerdict, json: boolean | undefined): void {
  if (json === true) console.log(JSON.stringify(verdict, null, 2));
  else {
    for (const { type, time, index, logSize, disclosed } of verdict.entries) {
      console.log(`holds   ${type} of ${time}: entry ${index} of ${logSize}${disclosed ? ', body as committed to' : ''}`);
    }
    if (verdict.error !== undefined) console.log(`${verdict.incomplete ? 'UNKNOWN' : 'BROKEN '} ${verdict.error}`);
    else console.log(`record ${verdict.record} is in the log ${verdict.logKey}${verdict.keyPinned ? '' : '\n(the key is the one in the file: compare it with the one you know, or give it by --log-key)'}\n${memoryLine(verdict)}`);
  }
  if (!verdict.valid) process.exitCode = verdict.incomplete ? 3 : 1;
}

function memoryLine({ outsideMemory }: ProofVerdict): string {
  if (outsideMemory === 'none') return 'outside memory: none (no witness of yours, given by --witness, has cosigned: compare the root with an anchor on the chain, or run mizan monitor)';
  return `outside memory: ${outsideMemory.join(', ')} cosigned this state of the log`;
}
