import type { BundleVerdict } from '#merkle';
import { gradesOf } from './claim-grades.js';
import { outsideMemory } from './offline-bundle.js';

/** 0: all holds; 1: something does not; 3: nothing is wrong, and something could not be checked. */
const exitCodes = { valid: 0, invalid: 1, incomplete: 3 } as const;
const marks = { true: 'holds  ', false: 'BROKEN ', null: 'UNKNOWN' } as const;

/** Prints each check with what it found, which outside memory held, and how what the record says is known. */
export function reportBundle(verdict: BundleVerdict, given: { json?: boolean | undefined; witnesses: boolean }): void {
  const memory = outsideMemory(verdict, given.witnesses);
  const grades = verdict.result === 'invalid' ? [] : gradesOf(verdict);
  if (given.json === true) {
    const { result, record, checks, anchor } = verdict;
    console.log(JSON.stringify({ result, record, checks, anchor: anchor ?? null, outsideMemory: memory, grades }, null, 2));
  } else {
    const width = Math.max(...verdict.checks.map(({ name }) => name.length));
    for (const { name, holds, detail } of verdict.checks) console.log(`${marks[`${holds}`]} ${name.padEnd(width)}  ${detail}`);
    for (const { claim, grade } of grades) console.log(`known   ${claim}: ${grade}`);
    for (const { key, own } of verdict.cosignedBy) if (own) console.log(`(${key.name} is a witness of the operator's own and counts as none)`);
    if (verdict.result !== 'invalid') console.log(memory.length > 0 ? `outside memory: ${memory.join('; ')}` : 'outside memory: none held (give a witness policy, your last checkpoint, or a chain): the operator signed this history, which need not be the only one');
    console.log(`${verdict.record === undefined ? '' : `record ${verdict.record}: `}${verdict.result}`);
  }
  const code = exitCodes[verdict.result];
  if (code !== 0) process.exitCode = code;
}
