import { classify } from '../../apps/gateway/request/classify.js';
import { exampleJob } from '../../apps/gateway/examples.js';
import { median } from './rows.js';

/** Prose with what prose holds: names, dates, amounts, a telephone number and an address here and there. */
const sentence = 'On 14 March 2025 the auditors of the Rhein Bank asked for the ledger of the third quarter, 1,284 postings in all, and Mr. Weber (+49 69 1234567, weber@example.com) sent 3 files of 20.5 MB each. ';
const plain = 'The balance of a ledger is the sum of its postings, and no posting stands alone; whoever reads it can add it up again. ';

/** What the scan of a prompt of 64 KB costs, in milliseconds. */
export function scanMs(): number {
  const text = (plain.repeat(9) + sentence).repeat(60).slice(0, 64 * 1024);
  const job = exampleJob({ texts: [text] });
  const runs: number[] = [];
  for (let run = 0; run < 120; run += 1) {
    const startedAt = performance.now();
    classify(job);
    if (run >= 20) runs.push(performance.now() - startedAt);
  }
  return median(runs);
}
