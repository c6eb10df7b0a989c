import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bank, frankfurt } from '../../apps/billing/invoices-harness.js';
import { Books } from './books.js';
import { oneStack } from './one-stack.js';
import { embed, embeddedModel, recordIn } from './requests.js';
import type { RestApi } from './rest-api.js';
import { stackMs } from './standalone-stack.js';
import type { StandaloneStack } from './standalone-stack.js';

interface Invoice {
  readonly id: string;
  readonly number: string;
  readonly state: string;
  readonly grossMinor: string;
  readonly pdfHash: string;
}

const sellerId = '5e11e000-0000-4000-8000-0000000000e2';
const nobody = '00000000-0000-4000-8000-00000000dead';

let stack: StandaloneStack;
let books: Books;
let platform: RestApi;
let developer: RestApi;
let orgAdmin: RestApi;
let auditorKey: string;
let directory: string;
let records: string[];

beforeAll(async () => {
  stack = await oneStack();
  books = Books.open(stack.run.databaseUrl);
  [platform, developer] = [stack.rest(stack.run.adminKey), stack.rest()];
  const { secret } = await platform.post<{ secret: string }>(`/v1/organisations/${stack.run.tenant}/keys`, { project: null, role: 'org_admin', name: 'books', expiresAtMs: null });
  orgAdmin = stack.rest(secret);
  auditorKey = (await platform.post<{ secret: string }>(`/v1/organisations/${stack.run.tenant}/keys`, { project: null, role: 'auditor', name: 'outside', expiresAtMs: null })).secret;
  directory = mkdtempSync(join(tmpdir(), 'mizan-invoices-'));
  records = (await Promise.all(['A just weight', 'is a delight.'].map((text) => embed(developer, text)))).map(recordIn);
  await books.hold(records);
}, stackMs);

afterAll(async () => {
  if (directory !== undefined) rmSync(directory, { recursive: true });
  await books?.close();
});

/** `mizan` against this stack, as its platform administrator. */
async function mizan<T>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await stack.mizan(...args, '--json', '--api', stack.run.api, '--key', stack.run.adminKey, '--org', stack.run.tenant);
  if (code !== 0) throw new Error(`mizan ${args.join(' ')} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

describe('invoices and statements by REST and the command line', () => {
  let issued: Invoice;

  it('come after quotes that say the most it can cost, line by line', async () => {
    const plan = { model: embeddedModel, endpoint: 'embeddings', inputTokens: 1_000_000, requests: 3 };
    const quoted = await developer.post<{ upperBoundNanos: string; offers: { totalNanos: string; lines: { amountNanos: string }[] }[] }>('/v1/quotes', plan);
    expect(quoted.offers.map(({ totalNanos }) => totalNanos)).toEqual(['48000000', '54000000', '66000000', '72000000']);
    expect(quoted.upperBoundNanos).toBe('72000000');
    expect(await mizan('quote', embeddedModel, '1000000', '--requests', '3')).toMatchObject({ upperBoundNanos: '72000000' });
    expect((await developer.send('POST', '/v1/quotes', { ...plan, model: 'nothing' })).error).toMatchObject({ code: 'MODEL_NOT_FOUND', param: 'model' });
    expect((await developer.send('POST', '/v1/quotes', { ...plan, inputTokens: -1 })).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'inputTokens' });
  });

  it('wait for seller, buyer and rate, and name what is missing or wrong', async () => {
    const { tenant } = stack.run;
    const period = { tenant, fromMs: Date.now() - 86_400_000, toMs: Date.now() };
    expect((await platform.send('POST', '/v1/invoices', period)).error).toMatchObject({ code: 'INVOICE_IMPOSSIBLE', message: expect.stringContaining('put the buyer first') as unknown });
    expect((await platform.send('PUT', `/v1/sellers/${sellerId}`, { ...frankfurt, country: 'Germany' })).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'country' });
    await platform.put(`/v1/sellers/${sellerId}`, frankfurt);
    expect((await platform.send('PUT', `/v1/organisations/${tenant}/buyer`, { seller: nobody, buyer: bank })).error?.code).toBe('NOT_FOUND');
    await platform.put(`/v1/organisations/${tenant}/buyer`, { seller: sellerId, buyer: bank });
    expect((await platform.send('POST', '/v1/invoices', period)).error).toMatchObject({ code: 'INVOICE_IMPOSSIBLE', message: expect.stringContaining('EUR') as unknown });
    await mizan('rate', 'set', 'EUR', '0.9', 'a test', '--from', '2020-01-01');
    expect((await platform.send('POST', '/v1/exchange-rates', { currency: 'EUR', nanosPerUsd: '1', validFromMs: Date.parse('2020-01-01'), source: 'another' })).error?.code).toBe('CONFLICT');
    expect((await platform.send('POST', '/v1/invoices', { ...period, toMs: period.fromMs })).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'toMs' });
  });

  it('are drafted once for a period, issued once, and kept as they were issued', async () => {
    const { tenant } = stack.run;
    const period = { tenant, fromMs: Date.now() - 86_400_000, toMs: Date.now() };
    const mistaken = await platform.post<Invoice>('/v1/invoices', { ...period, fromMs: 0 });
    expect((await platform.send('DELETE', `/v1/invoices/${mistaken.id}`)).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'tenant' });
    expect(await mizan<Invoice>('invoice', 'withdraw', mistaken.id)).toMatchObject({ id: mistaken.id, state: 'draft' });
    expect((await platform.send('DELETE', `/v1/invoices/${mistaken.id}?tenant=${tenant}`)).error?.code).toBe('NOT_FOUND');
    const draft = await platform.post<Invoice>('/v1/invoices', period);
    expect(await platform.post<Invoice>('/v1/invoices', period)).toEqual(draft);
    expect((await platform.send('GET', `/v1/invoices/${draft.id}/pdf?tenant=${tenant}`)).error).toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('issue it first') as unknown });
    issued = await mizan<Invoice>('invoice', 'issue', draft.id);
    // Two short texts cost less than half a cent: there is nothing to pay.
    expect(issued).toMatchObject({ state: 'paid', grossMinor: '0', number: expect.stringMatching(/^MZE-\d{4}-00001$/) as unknown });
    expect(await platform.post<Invoice>(`/v1/invoices/${draft.id}/issue`, { tenant })).toEqual(issued);
    const [first, second] = [await platform.send('GET', `/v1/invoices/${draft.id}/pdf?tenant=${tenant}`), await orgAdmin.send('GET', `/v1/invoices/${draft.id}/pdf`)];
    expect([first.headers.get('content-type'), first.headers.get('etag'), first.bytes.subarray(0, 5).toString()]).toEqual(['application/pdf', `"${issued.pdfHash}"`, '%PDF-']);
    expect(first.headers.get('content-disposition')).toContain(`${issued.number}.pdf`);
    expect(second.bytes.equals(first.bytes)).toBe(true);
    await mizan('invoice', 'ubl', draft.id, '--out', join(directory, 'invoice.xml'));
    expect(readFileSync(join(directory, 'invoice.xml'), 'utf8')).toContain(`<cbc:ID>${issued.number}</cbc:ID>`);
    expect((await platform.send('POST', '/v1/invoices', { tenant, fromMs: period.toMs, toMs: period.toMs + 1 })).error?.code).toBe('NOTHING_DUE');
  });

  it('are named in the cost file by every line that they hold', async () => {
    const csv = (await orgAdmin.send('GET', `/v1/costs/export?start_time=${Math.floor(Date.now() / 1_000) - 86_400}`)).bytes.toString();
    const [names, ...lines] = csv.trimEnd().split('\r\n');
    expect(names!.split(',')).toContain('InvoiceId');
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toContain(`,${issued.number},`);
    // Less than half a cent was rounded to nothing, which is a row of its own: together they are the total.
    const at = names!.split(',').indexOf('BilledCost');
    const atto = (text: string): bigint => BigInt(text.replace('-', '').replace(/^(\d+)\.?(\d*)$/, (_all, whole: string, fraction: string) => whole + fraction.padEnd(18, '0'))) * (text.startsWith('-') ? -1n : 1n);
    expect(lines.reduce((sum, line) => sum + atto(line.split(',')[at]!), 0n)).toBe(BigInt(issued.grossMinor) * 10n ** 16n);
    expect(lines.filter((line) => line.includes('Rounding of the invoice to hundredths'))).toHaveLength(1);
  });

  it('account for each decision with its number, its end, its charge and its line, also for an outsider with files alone; what is missing is named', async () => {
    const { tenant } = stack.run;
    const auditor = stack.rest(auditorKey);
    const period = `fromMs=${Date.now() - 86_400_000}&toMs=${Date.now() + 60_000}`;
    const sum = () => auditor.get<{ decisions: number; states: Record<string, { decisions: number }>; questions: { record: string; state: string }[]; invoices: { number: string; addsUp: boolean }[]; next: number | null }>(`/v1/audit/completeness?${period}`);
    const { states, questions, invoices, next } = await sum();
    expect([states['invoiced']!.decisions >= records.length, questions, next]).toEqual([true, [], null]);
    expect(invoices).toMatchObject([{ number: issued.number, addsUp: true }]);
    const { data } = await auditor.get<{ data: { record: string; number: { gateway: string }; charge: { invoice: { number: string } } }[] }>(`/v1/audit/completeness/decisions?${period}&state=invoiced&limit=200`);
    for (const record of records) expect(data.find((one) => one.record === record)).toMatchObject({ number: { gateway: expect.any(String) as unknown }, charge: { invoice: { number: issued.number } } });
    expect((await auditor.send('GET', `/v1/audit/completeness?fromMs=2&toMs=1`)).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'toMs' });
    expect((await auditor.send('GET', `/v1/audit/completeness?fromMs=soon&toMs=1`)).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'fromMs' });
    expect((await auditor.send('GET', `/v1/audit/completeness/decisions?${period}&state=lost`)).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'state' });
    expect((await auditor.send('GET', `/v1/audit/completeness?${period}&tenant=${nobody}`)).error?.code).toBe('NOT_FOUND');
    expect((await developer.send('GET', `/v1/audit/completeness?${period}`)).error?.code).toBe('NOT_ALLOWED');
    expect((await platform.send('GET', `/v1/audit/completeness?${period}`)).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'tenant' });

    const { logKey } = await auditor.get<{ logKey: string }>('/v1/audit/checkpoint');
    const gathered = join(directory, 'gathered');
    const gather = () => stack.mizan('audit', 'gather', '--dir', gathered, '--api', stack.run.api, '--key', auditorKey, '--json');
    const reconcile = async () => {
      const { code, stdout, stderr } = await stack.mizan('audit', 'reconcile', '--dir', gathered, '--log-key', logKey, '--json');
      return { code, stderr, ...(JSON.parse(stdout || '{}') as { findings: { kind: string; subject: string }[]; unknown: string[] }) };
    };
    expect(await gather()).toMatchObject({ code: 0, stderr: '' });
    expect(await reconcile()).toMatchObject({ code: 0, findings: [], unknown: [] });
    const exported = await stack.mizan('audit', 'verify-export', join(gathered, 'entries'), '--log-key', logKey, '--json');
    expect([exported.code, JSON.parse(exported.stdout)]).toEqual([0, expect.objectContaining({ problems: [], streams: [expect.objectContaining({ organisation: tenant, format: 'jsonl', after: null })] })]);

    // Somebody with the keys of the database removes a charge.
    const [removed] = await books.query<{ row: object }>('DELETE FROM billing.charges c WHERE record = $1 RETURNING to_jsonb(c) AS row', [records[0]]);
    try {
      expect(await gather()).toMatchObject({ code: 0 });
      const { findings } = await reconcile();
      expect(findings.map(({ kind }) => kind).sort()).toEqual(expect.arrayContaining(['invoice_lacks_charges']));
      expect((await sum()).invoices).toMatchObject([{ addsUp: false }]);
    } finally {
      await books.query('INSERT INTO billing.charges SELECT * FROM jsonb_populate_record(NULL::billing.charges, $1)', [JSON.stringify(removed!.row)]);
    }
  });

  it('are credited and paid by ids that count once, and not beyond what is due', async () => {
    const { tenant } = stack.run;
    const path = `/v1/invoices/${issued.id}`;
    const payment = { tenant, id: nobody, amountMinor: '1', reference: 'by bank', paidAtMs: Date.now() };
    expect((await platform.send('POST', `${path}/payments`, payment)).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'amountMinor' });
    expect((await platform.send('POST', `${path}/credit-notes`, { tenant, id: nobody, reason: 'None', lines: [{ line: 1, netMinor: '5' }] })).error?.code).toBe('REQUEST_INVALID');
    expect((await platform.send('POST', `/v1/invoices/${nobody}/payments`, payment)).error?.code).toBe('NOT_FOUND');
    expect((await mizan<{ data: Invoice[] }>('invoice', 'list')).data.map(({ id }) => id)).toEqual([issued.id]);
  });

  it('that were paid leave a balance and refunds, which finance sees and the seller alone moves', async () => {
    const { tenant } = stack.run;
    expect(await mizan('refund', 'balances')).toEqual({ data: [], hasMore: false });
    const asked = { tenant, id: nobody, currency: 'EUR', amountMinor: '1', reason: 'asked for' };
    expect((await platform.send('POST', '/v1/refunds', asked)).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'amountMinor' });
    expect((await platform.send('POST', '/v1/refunds', { ...asked, amountMinor: '1.5' })).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'amountMinor' });
    expect((await platform.send('POST', '/v1/refunds', { ...asked, currency: 'XXX' })).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'currency' });
    for (const [path, body] of [[`/v1/refunds/${nobody}/payment`, { tenant, reference: 'SEPA', paidAtMs: 1 }], [`/v1/refunds/${nobody}/void`, { tenant }], [`/v1/invoices/${issued.id}/payments/${nobody}/reversal`, { tenant, id: nobody, reason: 'charged back' }]] as const) {
      expect((await platform.send('POST', path, body)).error?.code).toBe('NOT_FOUND');
      expect((await orgAdmin.send('POST', path, body)).error?.code).toBe('NOT_ALLOWED');
    }
    expect((await orgAdmin.send('POST', '/v1/refunds', asked)).error?.code).toBe('NOT_ALLOWED');
    expect(await orgAdmin.get('/v1/refunds')).toEqual({ data: [], hasMore: false });
    for (const path of ['/v1/refunds', '/v1/credit-balances', '/v1/exchange-rates']) expect((await developer.send('GET', path)).error?.code).toBe('NOT_ALLOWED');
    expect((await orgAdmin.send('GET', `/v1/credit-balances?tenant=${nobody}`)).error?.code).toBe('NOT_FOUND');
  });

  it('tie to a trial balance of any moment, which is the operator’s, and to rates that are told with their source', async () => {
    const now = await mizan<{ currencies: { currency: string; debitNanos: string; creditNanos: string }[] }>('ledger', 'trial-balance');
    expect(now.currencies.map(({ currency }) => currency)).toContain('EUR');
    for (const { debitNanos, creditNanos } of now.currencies) expect(debitNanos).toBe(creditNanos);
    expect(await platform.get('/v1/ledger/trial-balance?before=1&currency=EUR')).toEqual({ beforeMs: 1_000, currencies: [], kinds: [] });
    expect((await platform.send('GET', '/v1/ledger/trial-balance?before=soon')).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'before' });
    expect((await orgAdmin.send('GET', '/v1/ledger/trial-balance')).error?.code).toBe('NOT_ALLOWED');
    const rates = await mizan<{ data: unknown[] }>('rate', 'list', '--currency', 'EUR');
    expect(rates.data).toEqual([{ currency: 'EUR', nanosPerUsd: '900000000', validFromMs: Date.parse('2020-01-01'), source: 'a test' }]);
    expect(await orgAdmin.get('/v1/exchange-rates?currency=EUR')).toEqual(rates);
    expect((await platform.send('GET', '/v1/exchange-rates?after=EUR')).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'after' });
    expect((await orgAdmin.get<{ hasMore: boolean }>(`/v1/organisations/${stack.run.tenant}/budgets?limit=1`)).hasMore).toBe(false);
    expect((await platform.get<{ data: unknown[] }>('/v1/payables?limit=1')).data).toHaveLength(1);
  });

  it('are read by finance and administrators of their own organisation, written by the seller alone', async () => {
    const { tenant } = stack.run;
    expect((await developer.send('GET', '/v1/invoices')).error?.code).toBe('NOT_ALLOWED');
    expect((await orgAdmin.send('POST', '/v1/invoices', { fromMs: 0, toMs: 1 })).error?.code).toBe('NOT_ALLOWED');
    expect((await orgAdmin.send('GET', '/v1/sellers')).error?.code).toBe('NOT_ALLOWED');
    const other = await platform.post<{ id: string }>('/v1/organisations', { name: 'A house elsewhere' });
    expect((await platform.send('GET', `/v1/invoices/${issued.id}?tenant=${other.id}`)).error?.code).toBe('NOT_FOUND');
    expect((await orgAdmin.send('GET', `/v1/invoices/${issued.id}?tenant=${other.id}`)).error?.code).toBe('NOT_FOUND');
    expect((await orgAdmin.get<{ invoice: Invoice }>(`/v1/invoices/${issued.id}`)).invoice).toEqual(issued);
    expect((await platform.get<{ data: Invoice[] }>(`/v1/invoices?tenant=${tenant}&limit=1`)).data).toHaveLength(1);
  });

  it('stand beside what clouds ask for the same work, by the table that the operator puts', async () => {
    const { tenant } = stack.run;
    const report = () => orgAdmin.get<{ verdict: string; rows: { model: string; verdict: string }[] }>('/v1/savings?start_time=0');
    expect(await report()).toMatchObject({ verdict: 'no_baseline', rows: [{ model: embeddedModel, verdict: 'no_baseline' }] });
    const file = join(directory, 'table.json');
    writeFileSync(file, JSON.stringify({ models: [{ model: embeddedModel, provider: 'OpenAI', baseline: 'text-embedding-3-small', region: 'global', isSame: false, note: 'another model' }], coin: null }));
    expect(await mizan('savings', 'set-table', file)).toMatchObject({ from: 'operator' });
    expect(await mizan('savings', 'show', '--from', '2026-01-01')).toMatchObject({ tenant, verdict: expect.stringMatching(/cheaper|dearer|equal/) as unknown });
    expect((await orgAdmin.send('PUT', '/v1/baselines', { models: [], coin: null })).error?.code).toBe('NOT_ALLOWED');
    expect((await platform.send('PUT', '/v1/baselines', { models: [], coin: null, prices: [{ provider: 'x' }] })).error?.code).toBe('REQUEST_INVALID');
    expect((await platform.send('GET', '/v1/savings?start_time=0')).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'tenant' });
  });

  it('stand beside claims of machines, of which there are none here and which the operator alone ends', async () => {
    expect(await mizan('claim', 'list', '--state', 'all')).toEqual({ data: [], hasMore: false });
    const path = `/v1/claims/${nobody}/${nobody}/resolution`;
    expect((await platform.send('POST', path, { resolution: 'rejected', note: 'no such work' })).error?.code).toBe('NOT_FOUND');
    expect((await platform.send('POST', path, { resolution: 'maybe', note: 'x' })).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'resolution' });
    expect((await orgAdmin.send('GET', '/v1/claims')).error?.code).toBe('NOT_ALLOWED');
  });

  it('stand beside royalties, which the operator alone gives, once for a record and out of what its machine earned', async () => {
    const { tenant } = stack.run;
    const owner = `0x${'0d'.repeat(20)}`;
    const use = { tenant, record: records[0], use: 'retrieval', shares: [{ dataset: 'letters', owner, basisPoints: 2_500 }] };
    const noted = await platform.post<{ chargeNanos: string; leftNanos: string; lines: { amountNanos: string }[] }>('/v1/royalties', use);
    expect(BigInt(noted.leftNanos) + BigInt(noted.lines[0]!.amountNanos)).toBe(BigInt(noted.chargeNanos));
    expect(await mizan('royalty', 'note', records[0]!, 'letters', owner, '25', '--use', 'retrieval')).toEqual(noted);
    expect((await platform.send('POST', '/v1/royalties', { ...use, shares: [{ dataset: 'letters', owner, basisPoints: 1 }] })).error?.code).toBe('IDEMPOTENCY_MISMATCH');
    expect((await platform.send('POST', '/v1/royalties', { ...use, record: nobody })).error?.code).toBe('NOT_FOUND');
    expect((await platform.send('POST', '/v1/royalties', { ...use, shares: [{ dataset: 'letters', owner: 'me', basisPoints: 1 }] })).error).toMatchObject({ code: 'REQUEST_INVALID', param: 'shares.0.owner' });
    expect((await orgAdmin.send('POST', '/v1/royalties', use)).error?.code).toBe('NOT_ALLOWED');
    expect((await orgAdmin.get<{ data: { owner: string }[] }>('/v1/royalties')).data.map((line) => line.owner)).toEqual([owner]);
    expect((await stack.verify()).code).toBe(0);
  });

  it('stand beside statements of what payees earned, which end at what is owed to them', async () => {
    const { data } = await mizan<{ data: { payee: string; owedNanos: string }[] }>('payable', 'list');
    const { payee } = data[0]!;
    for (const one of data) expect(await mizan('payee', 'statement', one.payee)).toMatchObject({ payee: one.payee.toLowerCase(), openingNanos: '0', drawn: [], closingNanos: one.owedNanos });
    const file = join(directory, 'statement.pdf');
    await mizan('payee', 'statement', payee, '--pdf', file);
    expect(readFileSync(file).subarray(0, 5).toString()).toBe('%PDF-');
    expect((await orgAdmin.send('GET', `/v1/payees/0x${'0'.repeat(40)}/statement?start_time=0`)).error?.code).toBe('NOT_FOUND');
    expect((await orgAdmin.send('GET', '/v1/payees/me/statement?start_time=0')).error).toMatchObject({ code: 'REQUEST_INVALID', message: expect.stringContaining('20-byte hex address') as unknown });
    expect((await developer.send('GET', `/v1/payees/${payee}/statement?start_time=0`)).error?.code).toBe('NOT_ALLOWED');
  });
});
