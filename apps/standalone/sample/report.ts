import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatNanos } from '#kernel';
import type { Close, CloseDifference, SavingsReport } from '#protocol';
import type { Bill, PayeeAccount } from './bill.js';
import type { CostFile } from './cost-file.js';
import type { OfflineProof } from './offline-bundle.js';
import type { Settled } from './pay-providers.js';
import type { Route } from './routes.js';
import type { Bought } from './buy-one.js';
import type { Invariant, SampleReport, WithoutMizan } from './sample-context.js';

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
  readonly bill: Bill;
  readonly settled: Settled;
  readonly alone: WithoutMizan;
  readonly bought: Bought;
  readonly accounts: readonly PayeeAccount[];
  readonly savings: SavingsReport;
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
    invoice: { number: outcome.bill.number, gross: `${minorText(outcome.bill.grossMinor)} ${outcome.bill.currency}`, usage: formatNanos(outcome.bill.usageNanos), files: [...outcome.bill.files] },
    statements: outcome.accounts.map(({ payee, file, earnedNanos, owedNanos }) => ({ payee, file, earned: formatNanos(earnedNanos), owed: formatNanos(owedNanos) })),
    compared: { verdict: outcome.savings.verdict, paid: formatNanos(outcome.savings.paidNanos), baseline: formatNanos(outcome.savings.baselineNanos) },
    payouts: outcome.settled.payouts.map(({ payee, amount, token, tx }) => ({ payee, amount, token, tx })),
    gas: { epoch: outcome.settled.epochGas.toString(), receipts: outcome.requests.ok, perReceipt: gasPerReceipt(outcome) },
    withoutMizan: { statement: outcome.settled.kept.file, submitted: outcome.alone.submitted.tx, withdrawn: outcome.alone.withdrawn.units.toString(), exited: outcome.alone.exited.units.toString() },
    x402: { payer: outcome.bought.payer, amount: outcome.bought.amount.toString(), tx: outcome.bought.tx, record: outcome.bought.record },
    invariants: outcome.invariants.map(({ name, holds, detail }) => ({ name, holds, detail })),
    close: { number: outcome.close.number, charges: outcome.close.charges, charged: formatNanos(outcome.close.chargedNanos), differences: outcome.close.differences },
    records: outcome.proofs.map(({ id, file, genuine, changed }) => ({ id, proofFile: file, result: genuine.result, changedByte: changed.result })),
  };
}

/** Of the epoch's transaction, anchor of the log included, to a tenth. */
export const gasPerReceipt = ({ settled, requests }: Pick<Outcome, 'settled' | 'requests'>): string => (Number(settled.epochGas) / Math.max(1, requests.ok)).toFixed(1);

/** 120 → `1.20`. */
export const minorText = (minor: bigint): string => `${minor / 100n}.${(minor % 100n).toString().padStart(2, '0')}`;

/** Writes `sample.json` into the directory. */
export function writeReport(report: SampleReport, outDir: string): void {
  mkdirSync(outDir, { recursive: true });
  writeFileSync(join(outDir, 'sample.json'), `${JSON.stringify(report, null, 2)}\n`);
}
