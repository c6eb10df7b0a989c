import { formatNanos, meterUnits } from '#kernel';
import { neighbours } from './nearest-neighbours.js';
import { gasPerReceipt, minorText } from './report.js';
import type { Outcome } from './report.js';

/** What the figures are not, said before them. */
export const plainWords = [
  'Four nodes on this one computer. Regions and prices are labels, the money is test money, and all keys are here:',
  'this shows the mechanism, not independence.',
];

/** The table as lines of text. */
export function renderTable(outcome: Outcome): string[] {
  const { requests, killed, settled } = outcome;
  return [
    ...plainWords,
    '',
    ...section('Requests', [`${requests.total} sent in ${outcome.seconds.toFixed(0)} s, ${requests.ok} answered, ${requests.refused} refused, ${requests.failedOver} moved to another machine, ${requests.total - requests.ok - requests.refused} lost`]),
    ...section('Spam or not', [`${(outcome.accuracy * 100).toFixed(1)} % of ${outcome.heldOut} held-out messages named rightly by their ${neighbours} nearest neighbours`]),
    ...section('Where it ran', columns(['class', 'machine', 'region', 'requests', 'USD per 1M tokens', 'USD'], outcome.routes.map((route) => [route.dataClass, route.node, route.region, String(route.count), formatNanos(route.pricePerMillionNanos), formatNanos(route.chargedNanos)]))),
    ...section('Refused', refused(outcome)),
    ...section('Failover', [killed ? `${killed.name} was killed (-9) after ${killed.afterAnswers} answers; ${requests.failedOver} requests on their way to it ran elsewhere` : 'no machine was killed: the policy leaves none to take over']),
    ...section('Cost', [`${formatNanos(outcome.spentNanos)} USD of a budget of ${formatNanos(outcome.budgetNanos)} USD`, `${formatNanos(outcome.costs.billedNanos)} USD in the ${outcome.costs.rows} lines of the FOCUS file ${outcome.costs.file}`, billed(outcome), ...compared(outcome)]),
    ...section('Paid on chain', [...columns(['to', 'payee', 'test dollars', 'withdrawal'], settled.payouts.map(({ payeeName, payee, amount, tx }) => [payeeName, payee, amount, tx])), `credited, with the log's root, in ${settled.tx}: ${settled.epochGas} gas for ${requests.ok} receipts, ${gasPerReceipt(outcome)} a receipt`, ...outcome.accounts.map(({ name, earnedNanos, owedNanos, file }) => `statement of ${name}: ${formatNanos(earnedNanos)} USD earned, ${formatNanos(owedNanos)} still owed (${file})`)]),
    ...section('Without Mizan', withoutMizan(outcome)),
    ...section('Bought with a wallet', [`one embedding of ${outcome.bought.dimensions} numbers without an account, by x402: ${outcome.bought.amount} base units from ${outcome.bought.payer} in ${outcome.bought.tx} (record ${outcome.bought.record})`]),
    ...section('Proved offline', outcome.proofs.flatMap(proved)),
    ...section('Close of the books', closeLines(outcome)),
    ...section('Invariants, checked from outside', outcome.invariants.map(({ name, holds, detail }) => `${holds ? 'holds ' : 'BROKEN'}  ${name}: ${detail}`)),
  ];
}

/** What the statement's file is good for where no process of Mizan's runs. */
function withoutMizan({ alone: { submitted, withdrawn, exited }, settled: { kept } }: Outcome): string[] {
  return [
    `on a copy of the chain as it was before, with the statement as ${kept.node} keeps it (${kept.file}) and keys alone: a stranger submitted the statement for ${submitted.payees} payees (${submitted.tx ?? 'it was there already'}),`,
    `${withdrawn.payee} withdrew ${withdrawn.units} units (${withdrawn.tx}), and after the thaw the bank took its other ${exited.units} units out (${exited.tx ?? 'not yet'})`,
  ];
}

/** The sample costs a part of a cent: its invoice is rounded to nothing, and says so. */
function billed({ bill }: Outcome): string {
  const small = bill.grossMinor === 0n ? '; less than half a cent, which the books hold to the nano as rounding' : '';
  return `${formatNanos(bill.usageNanos)} USD in the invoice ${bill.number} of ${minorText(bill.grossMinor)} ${bill.currency} (${bill.files.join(', ')})${small}`;
}

/** A line for each price that work is set against: whose, of which day, and whether it would have cost more. */
function compared({ savings }: Outcome): string[] {
  const gas = savings.beside.filter(({ what, nanos }) => what === 'gas' && nanos === null).map(({ quantity }) => `gas beside that: ${quantity}, in no sum`);
  return [
    ...savings.rows.map(({ model, meter, quantity, paidNanos, baseline, meterBaseline = baseline, baselineNanos, verdict, note }) => {
      const work = meter === undefined ? 'as many tokens' : `${quantity} ${meterUnits[meter].counted}`;
      if (meterBaseline === null || baselineNanos === null) return `${model}: no comparison of ${meter === undefined ? 'its tokens' : work} (${formatNanos(paidNanos)} paid)`;
      return `${model}: ${verdict} than ${formatNanos(baselineNanos)} USD, the list price of ${meterBaseline.provider} ${meterBaseline.model} of ${meterBaseline.asOf} for ${work} (${formatNanos(paidNanos)} paid; ${note})`;
    }),
    ...gas,
  ];
}

function proved({ id, file, entries, size, genuine, changed }: Outcome['proofs'][number]): string[] {
  return [
    `${id}: ${entries.map(({ type, index }) => `${type} is entry ${index}`).join(', ')} of ${size} (${file})`,
    `  ${genuine.result} by ${genuine.checks} checks in another process, ${genuine.network}${genuine.broken.map((name) => `; ${name} does not hold`).join('')}`,
    `  with one byte changed: ${changed.result}${changed.broken.length > 0 ? ` (${changed.broken.join(', ')})` : ''}`,
  ];
}

function closeLines({ close }: Outcome): string[] {
  const period = `close ${close.number}: ${close.charges} charges of ${formatNanos(close.chargedNanos)} USD up to entry ${close.logSize} of the log, compared with it, with receipts and with the chain at block ${close.block ?? '(not reached)'}`;
  const claims = close.openClaims > 0 ? [`${close.openClaims} receipts that no charge supports are open claims`] : [];
  return [period, close.differences === 0 ? 'clean: ledger, usage, records, receipts and chain agree to the unit' : `${close.differences} DIFFERENCES`, ...close.named.map(({ kind, subject, detail }) => `${kind} ${subject}: ${detail}`), ...claims];
}

function refused({ refusals, requests }: Outcome): string[] {
  if (refusals.length === 0) return ['nothing'];
  const named = refusals.reduce((sum, { count }) => sum + count, 0);
  const rows = columns(['policy', 'requests', 'reason'], refusals.map(({ policy, count, reason }) => [policy, String(count), reason]));
  return named > requests.refused ? [...rows, '(a request that two policies refuse counts for both)'] : rows;
}

function section(title: string, lines: readonly string[]): string[] {
  return [title, ...lines.map((line) => `  ${line}`), ''];
}

/** Left-aligned columns, numbers right-aligned. */
function columns(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [titles, ...rows];
  const widths = titles.map((_title, column) => Math.max(...all.map((row) => row[column]!.length)));
  const numeric = titles.map((_title, column) => rows.length > 0 && rows.every((row) => /^[\d.]+$/.test(row[column]!)));
  return all.map((row) => row.map((cell, column) => (numeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join('   ').trimEnd());
}
