import { billingCalls, charge, close, closeCalls, policyVersion, schedulerCalls } from '#protocol';
import { namedSenders } from './bank-policy.js';
import { buyOne } from './buy-one.js';
import { chooseMail } from './corpus.js';
import type { LabelledMail } from './corpus.js';
import { billTenant, compareCosts, payeeAccounts } from './bill.js';
import { writeCosts } from './cost-file.js';
import type { CostFile } from './cost-file.js';
import { killBusiest } from './kill-one.js';
import type { Killed } from './kill-one.js';
import { accuracy, neighbours } from './nearest-neighbours.js';
import { proveOffline } from './offline-bundle.js';
import { payProviders } from './pay-providers.js';
import { reportOf, writeReport } from './report.js';
import type { Outcome } from './report.js';
import { emptyRoutes, refusalsOf, routesOf } from './routes.js';
import { eventually, inParallel, SampleApi } from './sample-api.js';
import type { SampleContext, SampleReport, WithoutMizan } from './sample-context.js';
import { sendMail } from './send-mail.js';
import { shareEarnings } from './share-earnings.js';
import type { SentMail } from './send-mail.js';
import { renderTable } from './table.js';
import { traceOf } from './trace.js';
import type { Trace } from './trace.js';

/** About 60 ms a message on one core: half a minute on two, with room for the rest of the stack. */
const messages = 600;
const seed = 'mizan';
/** Requests whose cost the operator and the owner of the data have a part of. */
const sharedRecords = 150;
/** Share of the messages after which one machine is killed. */
const killAfter = 0.4;

/** The job ran, and something of what it shows is not so. */
export class SampleFailed extends Error {}

/**
 * Classifies real mail through the API under the bank's policy, kills a machine on the way, pays the providers, has
 * proof bundles verified offline and the invariants from outside, prints the table and leaves `sample.json`, the invoice, the payees' statements and `focus.csv`. Error: `SampleFailed` when anything was lost,
 * charged wrongly or left out, or an invariant is broken; the table is printed all the same.
 */
export async function runSample(context: SampleContext): Promise<SampleReport> {
  const started = performance.now();
  const bank = new SampleApi(context.api, context.key);
  const admin = new SampleApi(context.api, context.adminKey);
  const mails = chooseMail(messages, seed);
  const policy = await bank.get(`/v1/organisations/${context.tenant}/policy`, policyVersion);
  const before = await budgetOf(bank, context);

  const { sent, killed } = await sendAndKill(bank, context, mails);
  const seconds = (performance.now() - started) / 1_000;
  const traces = await inParallel(sent.flatMap(({ record }) => record ?? []), 8, (record) => traceOf(bank, record));
  const spentNanos = await chargesOf(bank, traces);
  const budget = await eventually(`the budget at ${spentNanos} nanos more than before`, async () => {
    const now = await budgetOf(bank, context);
    return now.spentNanos - before.spentNanos === spentNanos ? now : undefined;
  });

  const bill = await billTenant(admin, context);
  const costs = await costsOf(bank, context);
  await shareEarnings(admin, context, traces.flatMap(({ record, ran }) => (ran ? [record] : [])).slice(0, sharedRecords));
  const settled = await payProviders(admin, context);
  const alone = await context.chain.withoutMizan(settled.kept.file, settled.kept.keyFile);
  const bought = await buyOne(context, await modelOf(bank, context));
  const accounts = await payeeAccounts(admin, context, settled.payouts.map(({ payee }) => payee));
  const savings = await compareCosts(admin, context);
  const proofs = await inParallel(samples(traces), 1, (record) => proveOffline(bank, record, context));
  const invariants = await settledInvariants(context);
  const closed = await admin.post('/v1/closes', {}, close);
  const { named } = await admin.get(`/v1/closes/${closed.number}`, closeCalls.get.reply.pick({ named: true }));
  const outcome: Outcome = {
    requests: { total: sent.length, ok: sent.filter((one) => one.outcome === 'ok').length, refused: sent.filter((one) => one.outcome === 'refused').length, failedOver: traces.filter((trace) => trace.failedOver).length },
    ...measure(sent),
    routes: routesOf(traces),
    refusals: refusalsOf(traces),
    killed: killed && { name: killed.node.name, afterAnswers: killed.afterAnswers },
    budgetNanos: budget.limitNanos,
    spentNanos,
    costs,
    bill,
    settled,
    alone,
    bought,
    accounts,
    savings,
    invariants,
    close: { ...closed, named },
    proofs,
    seconds,
  };
  const report = reportOf(outcome);
  writeReport(report, context.outDir);
  for (const line of renderTable(outcome)) context.print(line);
  const problems = problemsOf(context, outcome, sent, emptyRoutes({ refusesSenders: mails.some(({ sender }) => namedSenders(policy.text).has(sender)), killed: killed && { node: killed.node.id, personalData: killed.personalData } }, traces));
  if (problems.length > 0) throw new SampleFailed(`the sample job did not show what it is there to show: ${problems.join('; ')}`);
  return report;
}

async function sendAndKill(bank: SampleApi, context: SampleContext, mails: readonly LabelledMail[]): Promise<{ sent: SentMail[]; killed: Killed | null }> {
  const done: SentMail[] = [];
  let killing: Promise<Killed | null> = Promise.resolve(null);
  const sent = await sendMail({ api: context.api, key: context.key, model: await modelOf(bank, context) }, mails, (one) => {
    done.push(one);
    context.progress(done.length, mails.length);
    if (done.length === Math.floor(mails.length * killAfter)) {
      killing = killBusiest(bank, context.nodes, [...done]);
      // Awaited below; a failure must not be reported before that.
      killing.catch(() => undefined);
    }
  });
  return { sent, killed: await killing };
}

/** The embedding model that most of the context's machines offer. */
async function modelOf(bank: SampleApi, { nodes }: SampleContext): Promise<string> {
  const { data } = await bank.get('/v1/offers?limit=200', schedulerCalls.listOffers.reply);
  const counts = new Map<string, number>();
  for (const offer of data) {
    if (offer.endpoints.includes('embeddings') && nodes.some(({ id }) => id === offer.node)) counts.set(offer.model, (counts.get(offer.model) ?? 0) + 1);
  }
  const model = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
  if (model === undefined) throw new SampleFailed('no machine offers a model for embeddings');
  return model;
}

async function budgetOf(bank: SampleApi, { tenant, project }: SampleContext): Promise<{ limitNanos: bigint; spentNanos: bigint }> {
  const { data } = await bank.get(`/v1/organisations/${tenant}/budgets`, billingCalls.listBudgets.reply);
  const budget = data.find((one) => one.project === project);
  if (!budget) throw new SampleFailed('the project has no budget');
  return budget;
}

/** Sum of the charges of all requests that ran, each read from the books and equal to its record's. */
async function chargesOf(bank: SampleApi, traces: readonly Trace[]): Promise<bigint> {
  const amounts = await inParallel(traces, 8, async ({ record, ran }) => {
    if (!ran) return 0n;
    const { amountNanos } = await eventually(`the charge of ${record}`, () => bank.get(`/v1/charges/${record}`, charge.pick({ amountNanos: true })));
    if (amountNanos !== ran.chargeNanos) throw new SampleFailed(`record ${record} says ${ran.chargeNanos} nanos and its charge ${amountNanos}`);
    return amountNanos;
  });
  return amounts.reduce((sum, amount) => sum + amount, 0n);
}

const yearMs = 365 * 86_400_000;

/** The last year's costs as a file; what it bills to the project is what its budget has spent, to the nano. */
function costsOf(bank: SampleApi, context: SampleContext): Promise<CostFile> {
  return eventually('a cost file that says what the budget says', async () => {
    const { spentNanos } = await budgetOf(bank, context);
    const costs = writeCosts(await bank.text(`/v1/costs/export?start_time=${Math.floor((Date.now() - yearMs) / 1_000)}`), context.project, context.outDir);
    return costs.billedNanos === spentNanos ? costs : undefined;
  });
}

/** Records to prove: one that moved to another machine (or any that ran), and one that was refused. */
function samples(traces: readonly Trace[]): string[] {
  const ran = traces.find(({ failedOver }) => failedOver) ?? traces.find((trace) => trace.ran);
  const refused = traces.find(({ refusedBy }) => refusedBy.length > 0);
  return [ran, refused].flatMap((trace) => trace?.record ?? []);
}

function measure(sent: readonly SentMail[]): { accuracy: number; heldOut: number } {
  const examples = sent.flatMap(({ mail, vector }) => (vector ? [{ vector, label: mail.label, heldOut: mail.heldOut }] : []));
  const heldOut = examples.filter((example) => example.heldOut);
  return { accuracy: accuracy(examples.filter((example) => !example.heldOut), heldOut, neighbours), heldOut: heldOut.length };
}

/** The outside check, repeated while facts of the last withdrawals are still on their way into the books; the last answer counts. */
async function settledInvariants(context: SampleContext): Promise<Outcome['invariants']> {
  let { invariants } = await context.verify();
  for (let tries = 1; tries < 5 && !invariants.every(({ holds }) => holds); tries += 1) {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    ({ invariants } = await context.verify());
  }
  return invariants;
}

/** What must have come about on the copy of the chain. */
function aloneProblems({ submitted, withdrawn, exited }: WithoutMizan): string[] {
  return [
    ...(submitted.sent ? [] : ['the statement was on the copy of the chain before it was submitted']),
    ...(withdrawn.units > 0n ? [] : ['nothing was withdrawn on the copy of the chain']),
    ...(exited.asked && exited.taken && exited.units > 0n ? [] : ['the deposit did not leave on the copy of the chain']),
  ];
}

function problemsOf(context: Pick<SampleContext, 'sharers'>, outcome: Outcome, sent: readonly SentMail[], empty: readonly string[]): string[] {
  const lost = sent.filter((one) => one.outcome === 'failed');
  return [
    ...(lost.length > 0 ? [`${lost.length} requests failed, the first with "${lost[0]!.message}"`] : []),
    ...(sent.some((one) => one.outcome !== 'failed' && one.record === null) ? ['an answer names no record'] : []),
    ...empty.map((route) => `nothing took the route "${route}"`),
    ...(outcome.settled.payouts.length === 0 ? ['no provider was paid'] : []),
    ...context.sharers.filter(({ name }) => !outcome.settled.payouts.some(({ payeeName }) => payeeName === name)).map(({ name }) => `${name} was not paid`),
    ...aloneProblems(outcome.alone),
    ...outcome.proofs.filter(({ genuine }) => genuine.result !== 'valid').map(({ id, genuine }) => `the proof bundle of ${id} is ${genuine.result}: ${genuine.broken.join(', ')}`),
    ...outcome.proofs.filter(({ changed }) => changed.result !== 'invalid').map(({ id }) => `a changed byte in the proof bundle of ${id} was not seen`),
    ...outcome.close.named.map(({ kind, subject, detail }) => `the close of the books found ${kind} (${subject}): ${detail}`),
    ...outcome.invariants.filter(({ holds }) => !holds).map(({ name, detail }) => `the invariant "${name}" is broken: ${detail}`),
  ];
}
