import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatNanos } from '#kernel';
import type { Close, CloseDifference } from '#protocol';
import type { CostFile } from './cost-file.js';
import type { OfflineProof } from './offline-bundle.js';
import type { Settled } from './pay-providers.js';
import type { Route } from './routes.js';
import type { Invariant, SampleReport } from './sample-context.js';

/** Everything that came out of the job, for the table and for `sample.json`. */
export interface Outcome {
  readonly requests: SampleReport['requests'];
  readonly accuracy: number;
  readonly heldOut: number;
  readonly routes: readonly Route[];
  readonly refusals: readonly { policy: string; reason: string; count: number }[];
  readonly killed: { readonly name: string; readonly afterAnswers: number } | null;
  readonly budgetNanos: bigint;
  readonly spentNanos: bigint;
  readonly costs: CostFile;
  readonly settled: Settled;
  readonly invariants: readonly Invariant[];
  readonly close: Close & { readonly named: readonly CloseDifference[] };
  readonly proofs: readonly OfflineProof[];
  readonly seconds: number;
}

export function reportOf(outcome: Outcome): SampleReport {
  return {
    requests: outcome.requests,
    accuracy: Number(outcome.accuracy.toFixed(4)),
    routes: outcome.routes.map(({ dataClass, node, region, count, pricePerMillionNanos }) => ({ class: dataClass, node, region, count, price: formatNanos(pricePerMillionNanos) })),
    refusals: outcome.refusals.map(({ policy, count }) => ({ policy, count })),
    budget: formatNanos(outcome.budgetNanos),
    spent: formatNanos(outcome.spentNanos),
    costs: { file: outcome.costs.file, rows: outcome.costs.rows, billed: formatNanos(outcome.costs.billedNanos) },
    payouts: outcome.settled.payouts.map(({ payee, amount, token, tx }) => ({ payee, amount, token, tx })),
    invariants: outcome.invariants.map(({ name, holds, detail }) => ({ name, holds, detail })),
    close: { number: outcome.close.number, charges: outcome.close.charges, charged: formatNanos(outcome.close.chargedNanos), differences: outcome.close.differences },
    records: outcome.proofs.map(({ id, file, genuine, changed }) => ({ id, proofFile: file, result: genuine.result, changedByte: changed.result })),
  };
}

/** Writes `sample.json` into the directory. */
export function writeReport(report: SampleReport, outDir: string): void {
  mkdirSync(outDir, { recursive: true });
  writeFileSync(join(outDir, 'sample.json'), `${JSON.stringify(report, null, 2)}\n`);
}
