import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parseNanos } from '#kernel';
import { apiCommand, group, listCommand } from './api-command.js';

const jsonFile = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8')) as unknown;

const momentOf = (text: string | undefined, name: string): number => {
  const atMs = Date.parse(text ?? '');
  if (Number.isNaN(atMs)) throw new Error(`give --${name} as a date like 2026-11-01`);
  return atMs;
};

/** 12.34 → `1234`. */
const hundredths = (text: string): string => {
  const nanos = parseNanos(text);
  if (nanos % 10_000_000n !== 0n) throw new Error(`"${text}" has more than two decimals`);
  return (nanos / 10_000_000n).toString();
};

const file = (kind: 'pdf' | 'ubl', summary: string): Command =>
  apiCommand(`${kind} <invoice>`, summary, async (session, [id], options) => {
    const bytes = await session.api.bytes(`/invoices/${id}/${kind}`, { tenant: session.org() });
    const out = options['out'] ?? `${id}.${kind === 'pdf' ? 'pdf' : 'xml'}`;
    writeFileSync(out, bytes);
    return { file: out, bytes: bytes.length };
  }).option('--out <file>', 'where to write it (default: here, under its id)');

export const invoiceCommands = (): Command[] => [
  group(
    'invoice',
    'invoices and credit notes',
    apiCommand('draft', 'draft the invoice of a period', (session, _args, { from, to }) => session.api.ask('POST', '/invoices', { body: { tenant: session.org(), fromMs: momentOf(from, 'from'), toMs: momentOf(to, 'to') } }))
      .option('--from <date>', 'first moment of the period')
      .option('--to <date>', 'first moment after it'),
    apiCommand('issue <invoice>', 'give a draft its number; from then on it never changes', (session, [id]) => session.api.ask('POST', `/invoices/${id}/issue`, { body: { tenant: session.org() } })),
    apiCommand('withdraw <invoice>', 'withdraw a draft; what is due stays due', (session, [id]) => session.api.ask('DELETE', `/invoices/${id}`, { query: { tenant: session.org() } })),
    listCommand('invoices and credit notes, newest first', ({ api, orgOrNone }, page) => api.ask('GET', '/invoices', { query: { ...page, tenant: orgOrNone } })),
    apiCommand('get <invoice>', 'what an invoice says, and what was paid', (session, [id]) => session.api.ask('GET', `/invoices/${id}`, { query: { tenant: session.org() } })),
    file('pdf', 'write an issued invoice as a PDF'),
    file('ubl', 'write an issued invoice as EN 16931 UBL'),
    apiCommand('credit <invoice> <reason>', 'credit all that is left of an invoice, or one line of it', (session, [invoice, reason], { line, amount, id }) =>
      session.api.ask('POST', `/invoices/${invoice}/credit-notes`, {
        body: { tenant: session.org(), id: id ?? randomUUID(), reason, ...(line === undefined ? {} : { lines: [{ line: Number(line), netMinor: hundredths(amount ?? '') }] }) },
      }),
    )
      .option('--line <number>', 'only this line')
      .option('--amount <net>', 'how much of it, before tax')
      .option('--id <uuid>', 'the same id again credits nothing twice'),
    apiCommand('pay <invoice> <amount> <reference>', 'record a payment that came by bank', (session, [invoice, amount, reference], { on, id, excess }) =>
      session.api.ask('POST', `/invoices/${invoice}/payments`, {
        body: { tenant: session.org(), ...(excess !== undefined && { excessToBalance: true }), id: id ?? randomUUID(), amountMinor: hundredths(amount!), reference, paidAtMs: on === undefined ? startOfDay(Date.now()) : momentOf(on, 'on') },
      }),
    )
      .option('--on <date>', 'when it came (default: today, UTC)')
      .option('--excess', 'what came beyond what is due stands to the credit of the buyer')
      .option('--id <uuid>', 'the same id again pays nothing twice'),
    apiCommand('reverse-payment <invoice> <payment> <reason>', 'take back a payment that was told and was wrong or charged back', (session, [invoice, payment, reason], { id }) =>
      session.api.ask('POST', `/invoices/${invoice}/payments/${payment}/reversal`, { body: { tenant: session.org(), id: id ?? randomUUID(), reason } }),
    ).option('--id <uuid>', 'the same id again reverses nothing twice'),
  ),
  group(
    'refund',
    'what credit notes on paid invoices left, paid back',
    listCommand('credit balances; --after as <organisation>:<currency>', ({ api, orgOrNone }, page) => api.ask('GET', '/credit-balances', { query: { ...page, tenant: orgOrNone } }), 'balances'),
    apiCommand('request <currency> <amount> <reason>', 'set money of the credit balance aside to be paid back', (session, [currency, amount, reason], { id }) =>
      session.api.ask('POST', '/refunds', { body: { tenant: session.org(), id: id ?? randomUUID(), currency, amountMinor: hundredths(amount!), reason } }),
    ).option('--id <uuid>', 'the same id again sets nothing aside twice'),
    apiCommand('pay <refund> <reference>', 'the bank has sent it', (session, [id, reference], { on }) =>
      session.api.ask('POST', `/refunds/${id}/payment`, { body: { tenant: session.org(), reference, paidAtMs: on === undefined ? startOfDay(Date.now()) : momentOf(on, 'on') } }),
    ).option('--on <date>', 'when it was sent (default: today, UTC)'),
    apiCommand('void <refund>', 'it is not sent', (session, [id]) => session.api.ask('POST', `/refunds/${id}/void`, { body: { tenant: session.org() } })),
    listCommand('refunds', ({ api, orgOrNone }, page) => api.ask('GET', '/refunds', { query: { ...page, tenant: orgOrNone } })),
  ),
  group(
    'seller',
    'legal entities that sell',
    apiCommand('set <id> <file>', 'set the details of a seller from a JSON file', ({ api }, [id, path]) => api.ask('PUT', `/sellers/${id}`, { body: jsonFile(path!) })),
    listCommand('sellers', ({ api }, page) => api.ask('GET', '/sellers', { query: page })),
  ),
  group(
    'buyer',
    'whom invoices go to',
    apiCommand('set <seller> <file>', 'set whom invoices of the organisation go to, from a JSON file', (session, [seller, path]) => session.api.ask('PUT', `/organisations/${session.org()}/buyer`, { body: { seller, buyer: jsonFile(path!) } })),
    apiCommand('get', 'whom invoices of the organisation go to', (session) => session.api.ask('GET', `/organisations/${session.org()}/buyer`)),
  ),
  group(
    'rate',
    'what a dollar is worth',
    apiCommand('set <currency> <per-dollar> <source>', 'record the rate of a currency from a day on', ({ api }, [currency, rate, source], { from }) =>
      api.ask('POST', '/exchange-rates', { body: { currency, nanosPerUsd: parseNanos(rate!).toString(), validFromMs: momentOf(from, 'from'), source } }),
    ).option('--from <date>', 'first day it is in force'),
    listCommand('rates that were recorded, the newest first in each currency; --after as EUR:1767225600000', ({ api }, page, { currency }) => api.ask('GET', '/exchange-rates', { query: { ...page, currency } })).option('--currency <code>', 'only of this one'),
  ),
];

/** Banks know days; and the same payment told again on the same day is the same. */
const startOfDay = (atMs: number): number => atMs - (atMs % 86_400_000);
