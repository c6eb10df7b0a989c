import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Buyer, Seller } from '#protocol';
import { billingCalls, invoice, invoiceCalls, payeeStatement, savingsCalls, savingsReport } from '#protocol';
import type { SavingsReport } from '#protocol';
import { embeddedModel } from '../../node/engine/embedding-request.js';
import type { SampleApi } from './sample-api.js';
import type { SampleContext } from './sample-context.js';

export interface Bill {
  readonly number: string;
  readonly currency: string;
  readonly grossMinor: bigint;
  /** What its lines stand for in the books, in nano-dollars. */
  readonly usageNanos: bigint;
  /** As a PDF and as EN 16931 UBL. */
  readonly files: readonly string[];
}

export interface PayeeAccount {
  readonly payee: string;
  readonly name: string;
  readonly file: string;
  readonly earnedNanos: bigint;
  /** Less than a unit of the token: comes with the next epoch. */
  readonly owedNanos: bigint;
}

const sellerId = '5e11e000-0000-4000-8000-000000000001';
/** Nobody real: the names and numbers are made up. */
const seller: Seller = {
  ...{ name: 'Mizan Sample Operator GmbH', registrationId: 'HRB 000000 (sample)', street: 'Neue Mainzer Str. 1', city: 'Frankfurt am Main', postalCode: '60311', country: 'DE', vatId: 'DE123456789' },
  ...{ electronicAddress: { scheme: 'EM', id: 'billing@operator.example' }, bank: { iban: 'DE89370400440532013000', bic: 'COBADEFFXXX' }, numberPrefix: 'SAMPLE' },
};
const buyer: Buyer = {
  ...{ name: 'Rhein Bank AG', street: 'Domplatz 3', city: 'Köln', postalCode: '50667', country: 'DE', vatId: 'DE987654328', electronicAddress: { scheme: 'EM', id: 'invoices@rheinbank.example' } },
  ...{ buyerReference: '04011000-12345-34', orderReference: null, currency: 'EUR', termsDays: 30, exemption: null },
};
const rate = { currency: 'EUR', nanosPerUsd: '900000000', validFromMs: Date.parse('2020-01-01'), source: 'sample rate, no market’s' };

/** Issues the invoice of everything that no invoice holds yet and leaves its files. Errors: the API's. */
export async function billTenant(admin: SampleApi, { tenant, outDir }: Pick<SampleContext, 'tenant' | 'outDir'>): Promise<Bill> {
  await admin.put(`/v1/sellers/${sellerId}`, seller, invoiceCalls.putSeller.reply);
  await admin.put(`/v1/organisations/${tenant}/buyer`, { seller: sellerId, buyer }, invoiceCalls.putBuyer.reply);
  await admin.post('/v1/exchange-rates', rate, invoiceCalls.putRate.reply);
  const now = new Date();
  const { data: before } = await admin.get(`/v1/invoices?tenant=${tenant}&limit=200`, invoiceCalls.list.reply);
  const fromMs = Math.max(Date.UTC(now.getUTCFullYear(), now.getUTCMonth()), ...before.map(({ periodToMs }) => periodToMs));
  const { id } = await admin.post('/v1/invoices', { tenant, fromMs, toMs: now.getTime() }, invoice);
  const { number, currency, grossMinor } = await admin.post(`/v1/invoices/${id}/issue`, { tenant }, invoice);
  const { document } = await admin.get(`/v1/invoices/${id}?tenant=${tenant}`, invoiceCalls.get.reply);
  const files = await Promise.all(([['pdf', 'invoice.pdf'], ['ubl', 'invoice.xml']] as const).map(([kind, name]) => keep(admin, `/v1/invoices/${id}/${kind}?tenant=${tenant}`, outDir, name)));
  return { number: number!, currency, grossMinor, usageNanos: document.usageNanos, files };
}

/** The account of each payee over the last year, as a file. Error: one that does not end at what the ledger owes. */
export async function payeeAccounts(admin: SampleApi, { nodes, sharers, outDir, tenant }: Pick<SampleContext, 'nodes' | 'sharers' | 'outDir' | 'tenant'>, payees: readonly string[]): Promise<PayeeAccount[]> {
  const { data: payables } = await admin.get(`/v1/payables?tenant=${tenant}`, billingCalls.listPayables.reply);
  const start = Math.floor(Date.now() / 1_000) - 365 * 86_400;
  return Promise.all(
    payees.map(async (payee): Promise<PayeeAccount> => {
      const name = nodes.find(({ payoutAddress }) => payoutAddress.toLowerCase() === payee.toLowerCase())?.name ?? sharers.find(({ address }) => address.toLowerCase() === payee.toLowerCase())?.name ?? payee;
      const path = `/v1/payees/${payee}/statement`;
      const { earnedNanos, closingNanos } = await admin.get(`${path}?tenant=${tenant}&start_time=${start}`, payeeStatement);
      const owedNanos = payables.find((one) => one.payee.toLowerCase() === payee.toLowerCase())?.owedNanos ?? 0n;
      if (closingNanos !== owedNanos) throw new Error(`the statement of ${name} ends at ${closingNanos} nanos and the ledger owes it ${owedNanos}`);
      return { payee, name, earnedNanos, owedNanos, file: await keep(admin, `${path}/pdf?tenant=${tenant}&start_time=${start}`, outDir, `statement-${name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.pdf`) };
    }),
  );
}

const alike = { model: embeddedModel, provider: 'OpenAI', baseline: 'text-embedding-3-small', region: 'global', isSame: false, note: 'another small embedding model: no like for like' };

/** The last year's work against list prices; unless somebody put a table, the sample's model is set against a small one of a cloud. */
export async function compareCosts(admin: SampleApi, { tenant }: Pick<SampleContext, 'tenant'>): Promise<SavingsReport> {
  const { from } = await admin.get('/v1/baselines', savingsCalls.getTable.reply);
  if (from === 'built-in') await admin.put('/v1/baselines', { models: [alike], coin: null }, savingsCalls.getTable.reply);
  return admin.get(`/v1/savings?tenant=${tenant}&start_time=${Math.floor(Date.now() / 1_000) - 365 * 86_400}`, savingsReport);
}

async function keep(admin: SampleApi, path: string, outDir: string, name: string): Promise<string> {
  mkdirSync(outDir, { recursive: true });
  const file = join(outDir, name);
  writeFileSync(file, await admin.bytes(path));
  return file;
}
