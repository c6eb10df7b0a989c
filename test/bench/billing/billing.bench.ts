import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { withClient } from '#local';
import { SystemClock, SystemIds } from '#kernel';
import type { LogRecord } from '#protocol';
import { databaseOn, ownPostgres } from '#testing';
import type { OwnPostgres } from '#testing';
import { openBooks } from '../../../apps/billing/books-harness.js';
import type { Books } from '../../../apps/billing/books-harness.js';
import { LedgerStore } from '../../../apps/billing/ledger/ledger.store.js';
import { TrialBalanceStore } from '../../../apps/billing/ledger/trial-balance.store.js';
import { accountId } from '../../../apps/billing/ledger/chart-of-accounts.js';
import type { Transfer } from '../../../apps/billing/ledger/transfer.js';
import type { Lease } from '../../../apps/billing/leases/leases.service.js';
import { admittedFacts, completedFacts, joinNode, openMarket, recordOf } from '../../../apps/billing/records-harness.js';
import type { Market } from '../../../apps/billing/records-harness.js';
import { accountsOf, allHot, charges, coldTenants, existing, halfHot, hotTenant, spread, thousandTenants } from './ledger-load.js';
import type { Choose } from './ledger-load.js';
import { simulateLeases } from './lease-simulation.js';
import { asTable, median, percentile, perSecond, timed } from './measured.js';
import type { Measured } from './measured.js';
import { NaiveLedger } from './naive-ledger.js';
import { closeMonth } from './month-close.js';
import { measurePosting } from './posting-latency.js';
import { Tpcb } from './tpcb.js';

/** Sizes that a run of three minutes can bear; the whole ones by environment. */
const size = (name: string, usual: number): number => Number(process.env[`BENCH_${name}`] ?? usual);
const rounds = size('ROUNDS', 3);
const armMs = size('ARM_MS', 3_000);
const postings = size('POSTINGS', 1_000_000);
const leaseRequests = size('LEASE_REQUESTS', 20_000);
const monthEvents = size('MONTH_EVENTS', 1_000_000);
/** How many batches of the ledger are on their way at once. */
const writers = size('WRITERS', 1);
/** Charges of a transaction: what the service takes at most. */
const batch = size('BATCH', 500);
const tpcbScale = 20;
const clients = 16;

const rows: Measured[] = [];
const raw: Record<string, unknown> = { rounds, armMs, postings, leaseRequests, cpu: `${cpus().length} × ${cpus()[0]?.model ?? ''}`, node: process.version };
const add = (measure: string, goal: string, value: string, met: boolean, note = ''): void => void rows.push({ measure, goal, value, met, note });
const ratio = (value: number): string => (value >= 10 ? value.toFixed(1) : value.toFixed(2));
const rounded = (values: readonly number[]): string => values.map((value) => Math.round(value).toLocaleString('en')).join(' / ');

describe('billing', () => {
  let server: OwnPostgres;
  let books: Books;
  let opened: Books | undefined;

  beforeAll(async () => {
    server = await ownPostgres({ durable: true });
    books = await openBooks({}, await databaseOn(server, 'billing'));
    // Accounts are there before anybody measures.
    for (const choose of [halfHot, spread]) for (let index = 0; index < 10; index += 1) await post(charges(batch, choose));
    await books.within((manager) => books.get(LedgerStore).lock(manager, [hotTenant, ...coldTenants, ...thousandTenants].flatMap((tenant) => [accountsOf(tenant).receivable, ...accountsOf(tenant).payables])));
  }, 120_000);

  afterEach(async () => {
    await opened?.close();
    opened = undefined;
    // What is measured stays, should a later part be broken off.
    mkdirSync('.mizan/bench', { recursive: true });
    writeFileSync('.mizan/bench/billing.json', `${JSON.stringify({ measuredAt: new Date().toISOString(), rows, raw }, null, 2)}\n`);
  });

  afterAll(async () => {
    await books.close();
    await server.remove();
    process.stdout.write(`\n${asTable(rows)}\n\n.mizan/bench/billing.json\n`);
  }, 60_000);

  const post = (transfers: readonly Transfer[]): Promise<ReadonlySet<string>> => books.within((manager) => books.get(LedgerStore).post(manager, transfers));
  const atOnce = async (rate: () => Promise<number>): Promise<number> => (await Promise.all(Array.from({ length: writers }, rate))).reduce((sum, one) => sum + one, 0);
  const ledgerRate = (choose: Choose, ms = armMs): Promise<number> => atOnce(() => perSecond(ms, async () => (await post(charges(batch, choose))).size));

  it('charges', async () => {
    const naive = new NaiveLedger(books.database.url, clients);
    await withClient(server.adminUrl, (client) => client.query('CREATE DATABASE tpcb'));
    const tpcb = new Tpcb(server.adminUrl.replace(/\/[^/]*$/, '/tpcb'), tpcbScale);
    await tpcb.prepare();
    const market = await openMarket(books, 10n ** 15n);
    const others = await Promise.all(Array.from({ length: 20 }, () => openMarket(books, 10n ** 15n)));
    const node = await joinNode(books);
    const holders: { one: Market; lease: Lease }[] = [];
    for (const one of [market, ...others]) holders.push({ one, lease: await one.acquire('gateway-1', 10n ** 12n) });
    const ids = new SystemIds(new SystemClock());
    const requests = (count: number): LogRecord[] =>
      Array.from({ length: count }, (_, index) => holders[index % 2 === 0 ? 0 : 1 + ((index >> 1) % others.length)]!).flatMap(({ one, lease }) => {
        const admitted = admittedFacts(ids, one, lease, node);
        return [recordOf(admitted), recordOf(completedFacts(admitted, node, 100))];
      });
    const seen = { naive: [] as number[], ledger: [] as number[], tpcb: [] as number[], replay: [] as number[], hot: [] as number[], spread: [] as number[], booking: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      seen.naive.push(await naive.run(armMs, () => charges(1, halfHot)[0]!));
      seen.ledger.push(await ledgerRate(halfHot));
      seen.tpcb.push(await tpcb.perSecond(armMs));
      seen.hot.push(await ledgerRate(allHot));
      seen.spread.push(await ledgerRate(spread));
      seen.replay.push(await atOnce(async () => {
        const known = charges(batch, halfHot);
        await post(known);
        return perSecond(armMs / 3, async () => batch - (await post(known)).size);
      }));
      seen.booking.push(await perSecond(armMs, () => market.book(...requests(batch / 2)).then(() => batch / 2)));
    }
    await naive.close();
    await tpcb.close();
    Object.assign(raw, { chargesPerSecond: seen, tpcbBy: tpcb.by });
    const over = (a: readonly number[], b: readonly number[]): number => median(a.map((value, index) => value / b[index]!));
    const batchNote = `${writers} ${writers === 1 ? 'writer' : 'writers'}, batches of ${batch}; ${rounded(seen.ledger)} charges/s`;
    add('ledger charges/s ÷ naive, 16 clients', '≥ 15', ratio(over(seen.ledger, seen.naive)), over(seen.ledger, seen.naive) >= 15, `${batchNote}; naive ${rounded(seen.naive)}`);
    add('ledger charges/s ÷ TPC-B', '≥ 6', ratio(over(seen.ledger, seen.tpcb)), over(seen.ledger, seen.tpcb) >= 6, `${tpcb.by} -c 16 -s ${tpcbScale}, prepared: ${rounded(seen.tpcb)}`);
    add('a whole batch replayed ÷ first time', '≥ 3', ratio(over(seen.replay, seen.ledger)), over(seen.replay, seen.ledger) >= 3, `${rounded(seen.replay)} refused as known a second`);
    add('1,000 tenants ÷ one hot tenant', '≥ 0.9', ratio(over(seen.spread, seen.hot)), over(seen.spread, seen.hot) >= 0.9, `${rounded(seen.spread)} and ${rounded(seen.hot)} charges/s`);
    add('whole booking ÷ naive', '', ratio(over(seen.booking, seen.naive)), true, `admission, lease, charge, budget and ledger of each request: ${rounded(seen.booking)} requests/s; no goal`);
    expect(await wrong(books)).toEqual([]);
  }, 600_000);

  it('growth, trial balance and one account', async () => {
    const levels = [0, postings / 10, postings];
    const rates: number[] = [];
    for (const [index, level] of levels.entries()) {
      if (index > 0) await fill(books.database.adminUrl, levels[index - 1]! / 2 + 1, level / 2);
      const measured: number[] = [];
      for (let round = 0; round < rounds; round += 1) measured.push(await ledgerRate(halfHot, armMs / 2));
      rates.push(median(measured));
    }
    Object.assign(raw, { growth: { levels, rates } });
    const worst = Math.min(...rates) / rates[0]!;
    add('charges/s with more postings already there ÷ none', '≥ 0.8', ratio(worst), worst >= 0.8, `${levels.map((level) => level.toLocaleString('en')).join(' / ')} more: ${rounded(rates)} charges/s`);
    const trial = books.get(TrialBalanceStore);
    const summed = { accounts: [] as number[], postings: [] as number[] };
    let lines = 0;
    for (let round = 0; round < rounds; round += 1) {
      summed.accounts.push(await timed(() => books.within((manager) => trial.sums(manager))));
      summed.postings.push(await timed(() => books.within(async (manager) => (lines = (await trial.sumsOfPostings(manager)).reduce((sum, one) => sum + one.postings, 0)))));
    }
    const perTenMillion = (median(summed.postings) * 10_000_000) / lines;
    const trialMs = median(summed.accounts);
    add('trial balance over 10 million postings', '≤ 2 s', `${(trialMs / 1_000).toFixed(3)} s`, trialMs <= 2_000, `of ${lines.toLocaleString('en')} postings, read off the accounts: how many there are makes no difference`);
    add('its proof: every posting summed anew', '', `${(perTenMillion / 1_000).toFixed(2)} s`, true, `${Math.round(median(summed.postings))} ms over ${lines.toLocaleString('en')}, scaled up to 10 million; no goal`);
    const account = accountsOf(hotTenant).receivable;
    const looks: number[] = [];
    for (let look = 0; look < 200; look += 1) looks.push(await timed(() => books.within((manager) => manager.query('SELECT balance FROM billing.accounts WHERE id = $1', [accountId(account)]))));
    add('balance of one account', '≤ 2 ms', `${median(looks).toFixed(2)} ms`, median(looks) <= 2, `p99 ${percentile(looks, 0.99).toFixed(2)} ms, the hot one, transaction included`);
    expect(await wrong(books)).toEqual([]);
  }, 900_000);

  it('money stranded by leases', async () => {
    const fresh = (opened = await openBooks({}, await databaseOn(server, 'billing')));
    const result = await simulateLeases(fresh, 32, leaseRequests);
    Object.assign(raw, { leases: { ...result, overspentNanos: result.overspentNanos.toString() } });
    add('money stranded when a budget first refuses', '≤ 0.05 %', `${(result.strandedShare * 100).toFixed(4)} %`, result.strandedShare <= 0.0005, `32 gateways, uneven load, ${result.requests.toLocaleString('en')} requests, ${result.grants.toLocaleString('en')} grants; a budget for ${Math.round(result.seconds)} simulated seconds`);
    add('overspend', '0', `${result.overspentNanos}`, result.overspentNanos === 0n, 'nanos');
    expect(await wrong(fresh)).toEqual([]);
  }, 600_000);

  it('month close', async () => {
    const fresh = (opened = await openBooks({ BILLING_INVOICE_RUN_MS: '86400000' }, await databaseOn(server, 'billing')));
    const organisations = Math.min(1_000, monthEvents);
    const result = await closeMonth(fresh, monthEvents, organisations);
    Object.assign(raw, { monthClose: { ...result, leftNanos: result.leftNanos.toString() } });
    expect([result.invoices, result.invoiced, result.leftNanos]).toEqual([organisations, monthEvents, 0n]);
    const how = `${monthEvents.toLocaleString('en')} usage events, ${organisations.toLocaleString('en')} organisations → drafts, numbers, PDF, UBL, postings, log entries`;
    add('month close', '≤ 120 s', `${result.seconds.toFixed(0)} s`, result.seconds <= 120, how);
    add('month close, memory', '≤ 512 MiB', `${Math.round(result.rssMiB)} MiB`, result.rssMiB <= 512, `resident, Jest and what it loads included: ${Math.round(result.rssBeforeMiB)} MiB before it began`);
    expect(await wrong(fresh)).toEqual([]);
  }, 900_000);

  it('usage event to posted', async () => {
    const fresh = (opened = await openBooks({}, await databaseOn(server, 'billing')));
    const result = await measurePosting(fresh.database, 6_000, 6_000);
    Object.assign(raw, { posting: result });
    add('usage event to posted, p50 / p99', '≤ 20 / 80 ms', `${result.p50Ms.toFixed(1)} / ${result.p99Ms.toFixed(1)} ms`, result.p50Ms <= 20 && result.p99Ms <= 80, `at ${Math.round(result.atRate).toLocaleString('en')} requests/s, half of what was sustained; publisher in the same process`);
  }, 300_000);
});

/** Plain charges `from` to `to` of the past; each has two postings. */
async function fill(adminUrl: string, from: number, to: number): Promise<void> {
  const { tenants, receivables, payables } = existing.ids();
  await withClient(adminUrl, async (client) => {
    await client.query(`SET session_replication_role = 'replica'`);
    await client.query(existing.transfers, [from, to, tenants, tenants.length]);
    await client.query(existing.postings, [from, to, tenants, tenants.length, receivables, payables]);
    await client.query(existing.balances);
    await client.query('VACUUM ANALYZE billing.postings, billing.transfers, billing.accounts');
  });
}

/** Sums that are not zero and balances that are not those of their postings. */
function wrong(books: Books): Promise<string[]> {
  const trial = books.get(TrialBalanceStore);
  return books.within(async (manager) => [...(await trial.sumsOfPostings(manager)).filter(({ sum }) => sum !== 0n).map(({ currency }) => currency), ...(await trial.wrongBalances(manager))]);
}
