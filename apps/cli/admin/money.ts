import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parseNanos } from '#kernel';
import { spendPeriods } from '#protocol';
import { payeeDisputeCommand } from '../payee-dispute-command.js';
import { payeeProveCommand } from '../payee-prove-command.js';
import { apiCommand, group, listCommand } from './api-command.js';
import { period, seconds, withPeriod } from './costs.js';

const nanosOf = (usd: string): string => parseNanos(usd).toString();
/** `a=1,b=2`. */
const pairsOf = (text: string): [string, string][] => text.split(',').map((pair) => [pair.slice(0, pair.indexOf('=')).trim(), pair.slice(pair.indexOf('=') + 1).trim()]);

/** `half=50,80`: a name is the percent itself where none is given. */
function thresholdsOf(text: string): { name: string; percent: number }[] {
  return text.split(',').map((each) => {
    const [first, second] = each.split('=').map((word) => word.trim());
    return { name: second === undefined ? `${first} %` : first!, percent: Number(second ?? first) };
  });
}

export const moneyCommands = (): Command[] => [
  group(
    'budget',
    'what projects may spend',
    apiCommand('set <project> <usd>', "set the limit of a project's budget", (session, [project, usd]) =>
      session.api.ask('PUT', `/organisations/${session.org()}/budgets`, { body: { project, limitNanos: nanosOf(usd!) } }),
    ),
    listCommand('budgets', (session, page) => session.api.ask('GET', `/organisations/${session.org()}/budgets`, { query: page })),
  ),
  group(
    'alert',
    'being told of spend',
    apiCommand('set <scope> [id]', 'be told when an organisation, project or key has spent shares of an amount in a period', (session, [scope, id], { usd, period: per, at }) =>
      session.api.ask('PUT', `/organisations/${session.org()}/spend-alerts`, {
        body: { scope, subject: id ?? session.org(), period: per ?? 'month', amountNanos: usd === undefined ? null : nanosOf(usd), thresholds: thresholdsOf(at ?? '50,80,100') },
      }),
    )
      .option('--usd <amount>', 'a soft amount; left out, the hard limit of the same period')
      .option('--period <name>', `${spendPeriods.join(', ')}; left out, month`)
      .option('--at <percents>', 'as 50,80 or half=50,nearly=80; left out, 50,80,100'),
    apiCommand('list', 'alerts and how they stand', (session) => session.api.ask('GET', `/organisations/${session.org()}/spend-alerts`)),
    apiCommand('remove <id>', 'no longer', (session, [id]) => session.api.ask('DELETE', `/organisations/${session.org()}/spend-alerts/${id}`)),
    listCommand('thresholds that were reached', (session, page) => session.api.ask('GET', `/organisations/${session.org()}/fired-spend-alerts`, { query: page }), 'fired'),
    listCommand(
      'hours and days that cost far from the usual',
      (session, page, { project, from, to }) =>
        session.api.ask('GET', `/organisations/${session.org()}/unusual-spend`, {
          query: { ...page, project, start_time: from === undefined ? undefined : seconds(from), end_time: to === undefined ? undefined : seconds(to) },
        }),
      'unusual',
    )
      .option('--project <id>', 'of one project')
      .option('--from <date>', 'those that begin then or later')
      .option('--to <date>', 'and before then'),
  ),
  group(
    'price',
    'what offers cost',
    apiCommand('propose <offer> <input-usd> <output-usd> <note>', 'propose another price of an offer than its machine asks, per million tokens', ({ api }, [offer, input, output, note], { meters, from, id }) =>
      api.ask('PUT', `/price-changes/${id ?? randomUUID()}`, {
        body: { offer, note, inputNanosPerMillion: nanosOf(input!), outputNanosPerMillion: nanosOf(output!), ...(from !== undefined && { effectiveFromMs: Date.parse(from) }), ...(meters !== undefined && { meters: Object.fromEntries(pairsOf(meters).map(([meter, usd]) => [meter, nanosOf(usd)])) }) },
      }),
    )
      .option('--meters <prices>', 'US dollars for what is measured beside tokens, as images=0.04,audio_ms=0.0001: an image, a second of audio')
      .option('--from <time>', 'when it begins; left out, when it is approved')
      .option('--id <uuid>', 'to propose it once'),
    apiCommand('approve <id> <hash>', 'approve what somebody else proposed, as its hash says', ({ api }, [id, hash]) => api.ask('POST', `/price-changes/${id}/approval`, { body: { hash } })),
    listCommand('prices that were proposed', ({ api }, page, { offer }) => api.ask('GET', '/price-changes', { query: { ...page, offer } }), 'changes').option('--offer <id>', 'of one offer'),
    listCommand('price versions', ({ api }, page, { offer }) => api.ask('GET', '/prices', { query: { ...page, offer } })).option('--offer <id>', 'of one offer'),
  ),
  group(
    'price-book',
    'what is added to what machines ask',
    apiCommand('propose <file>', 'propose the rules of a JSON file: {"note", "rules": [{"network", "model", "networkFeeBasisPoints", "markupBasisPoints", "requestNanos", "cacheHitNanos"}]}', ({ api }, [file], { from, id }) =>
      api.ask('PUT', `/price-books/${id ?? randomUUID()}`, { body: { effectiveFromMs: from === undefined ? Date.now() : Date.parse(from), ...(JSON.parse(readFileSync(file!, 'utf8')) as object) } }),
    )
      .option('--from <time>', 'when it begins; left out, when it is approved')
      .option('--id <uuid>', 'to propose it once'),
    apiCommand('approve <id> <hash>', 'approve what somebody else proposed, as its hash says', ({ api }, [id, hash]) => api.ask('POST', `/price-books/${id}/approval`, { body: { hash } })),
    listCommand('price books', ({ api }, page) => api.ask('GET', '/price-books', { query: page })),
  ),
  group(
    'agreement',
    'what organisations agreed to beside prices: discounts by the amount of a month, a minimum, monthly fees',
    apiCommand('propose <file>', 'propose the terms of a JSON file: {"note", "effectiveFromMs", "tiers": [{"aboveNanos", "basisPoints"}], "minimumNanos", "fees": [{"name", "monthlyNanos"}]}', (session, [file], { month, id }) =>
      session.api.ask('PUT', `/organisations/${session.org()}/agreements/${id ?? randomUUID()}`, { body: { ...(month === undefined ? {} : { effectiveFromMs: Date.parse(`${month}-01`) }), ...(JSON.parse(readFileSync(file!, 'utf8')) as object) } }),
    )
      .option('--month <year-month>', 'from which on, as 2026-04; never before the month after its approval')
      .option('--id <uuid>', 'to propose it once'),
    apiCommand('approve <id> <hash>', 'approve what somebody else proposed, as its hash says', (session, [id, hash]) => session.api.ask('POST', `/organisations/${session.org()}/agreements/${id}/approval`, { body: { hash } })),
    listCommand('agreements of an organisation', (session, page) => session.api.ask('GET', `/organisations/${session.org()}/agreements`, { query: page })),
  ),
  group(
    'credit',
    'money that usage is paid with before anybody is asked for any',
    apiCommand('grant <name> <usd> <until>', 'give an organisation a credit for usage until a day', (session, [name, usd, until], { from, id }) =>
      session.api.ask('PUT', `/organisations/${session.org()}/credits/${id ?? randomUUID()}`, { body: { name, amountNanos: nanosOf(usd!), validFromMs: from === undefined ? Math.floor(Date.now() / 3_600_000) * 3_600_000 : Date.parse(from), expiresAtMs: Date.parse(until!) } }),
    )
      .option('--from <day>', 'for usage from then on; left out, from this hour')
      .option('--id <uuid>', 'to give it once'),
    listCommand('credits of an organisation, with what is used and left', (session, page) => session.api.ask('GET', `/organisations/${session.org()}/credits`, { query: page })),
  ),
  apiCommand('quote <model> <input-tokens>', 'the most that requests would cost, on each machine and line by line', ({ api }, [model, inputTokens], { output, requests, endpoint, meters }) =>
    api.ask('POST', '/quotes', { body: { model, endpoint: endpoint ?? (output === undefined ? 'embeddings' : 'chat.completions'), inputTokens: Number(inputTokens), outputTokens: Number(output ?? 0), requests: Number(requests ?? 1), ...(meters !== undefined && { meters: Object.fromEntries(pairsOf(meters).map(([meter, count]) => [meter, Number(count)])) }) } }),
  )
    .option('--output <tokens>', 'the most that the answer may be')
    .option('--requests <count>', 'how many alike')
    .option('--meters <quantities>', 'what else each is measured in at most, as images=4 or audio_ms=60000')
    .option('--endpoint <name>', 'embeddings, chat.completions, images.generations, audio.transcriptions and so on'),
  group(
    'charge',
    'what requests cost',
    apiCommand('get <record>', 'what a request cost', ({ api, orgOrNone }, [record]) => api.ask('GET', `/charges/${record}`, { query: { tenant: orgOrNone } })),
    apiCommand('correct <record> <input-tokens> <output-tokens> <reason>', 'say what a request really used, all of it: the difference is a credit, or a further charge, in the next invoice', (session, [record, input, output, reason], { meters, id }) =>
      session.api.ask('PUT', `/organisations/${session.org()}/corrections/${id ?? randomUUID()}`, {
        body: { record, reason, usage: { inputTokens: Number(input), outputTokens: Number(output), ...(meters !== undefined && { meters: Object.fromEntries(pairsOf(meters).map(([meter, count]) => [meter, Number(count)])) }) } },
      }),
    )
      .option('--meters <quantities>', 'what else was measured, as images=4 or audio_ms=60000')
      .option('--id <uuid>', 'to correct it once'),
    listCommand('corrections of an organisation', (session, page) => session.api.ask('GET', `/organisations/${session.org()}/corrections`, { query: page }), 'corrections'),
  ),
  group(
    'payer',
    'whose deposit pays',
    apiCommand('set <address>', 'name the address whose deposit pays for an organisation', (session, [address], { jurisdiction }) =>
      session.api.ask('PUT', `/organisations/${session.org()}/payer`, { body: { address, ...(jurisdiction === undefined ? {} : { jurisdiction }) } }),
    ).option('--jurisdiction <country>', 'where it is established, as DE'),
  ),
  group(
    'deposit',
    'what payers put into the escrow',
    listCommand('deposits and what was taken back, newest first, each with its block and whether that is final', ({ api, orgOrNone }, page) => api.ask('GET', '/settlement/deposits', { query: { ...page, tenant: orgOrNone } })),
  ),
  group('payable', 'what is owed', listCommand('what is owed to each payee; --after as <organisation>:<payee>', ({ api, orgOrNone }, page) => api.ask('GET', '/payables', { query: { ...page, tenant: orgOrNone } }))),
  group(
    'payee',
    'those who are paid',
    payeeProveCommand(),
    payeeDisputeCommand(),
    listCommand('payees that are known, with their proofs', ({ api }, page) => api.ask('GET', '/payees', { query: page })),
    withPeriod(
      apiCommand('statement <address>', 'what a payee earned, what was drawn for it, and what is owed', async (session, [address], options) => {
        const [path, query, file] = [`/payees/${address}/statement`, period(session, options), options['pdf']];
        if (file === undefined) return session.api.ask('GET', path, { query });
        const bytes = await session.api.bytes(`${path}/pdf`, query);
        writeFileSync(file, bytes);
        return { file, bytes: bytes.length };
      }),
    ).option('--pdf <file>', 'write it there as a PDF instead of printing it'),
  ),
  group(
    'holdback',
    'earnings that wait until work is verified',
    apiCommand('rule <target> <percent> <days>', 'keep a share of earnings back: of "all", "network:<name>" or "node:<id>"', ({ api }, [target, percent, days]) =>
      api.ask('PUT', '/holdback-rules', { body: { target, basisPoints: Math.round(Number(percent) * 100), holdMs: Math.round(Number(days) * 86_400_000) } }),
    ),
    apiCommand('rules', 'what is kept back of whose earnings', ({ api }) => api.ask('GET', '/holdback-rules')),
    listCommand('what is held', ({ api, orgOrNone }, page, { state }) => api.ask('GET', '/holdbacks', { query: { ...page, tenant: orgOrNone, state } })).option('--state <name>', 'held, released, forfeited or all; left out, held'),
    ...(['release', 'forfeit'] as const).map((how) =>
      apiCommand(`${how} <record> <reason>`, how === 'release' ? 'the work is good: pay it' : 'the work is not what was paid for: credit it to the organisation', ({ api }, [record, note]) =>
        api.ask('POST', `/holdbacks/${record}/decision`, { body: { passed: how === 'release', note } }),
      ),
    ),
  ),
  group(
    'royalty',
    'shares of owners of data',
    apiCommand('note <record> <dataset> <owner> <percent>', "give the owner of a data set a share of a request's charge, out of what its machine earned", (session, [record, dataset, owner, percent], { use }) =>
      session.api.ask('POST', '/royalties', { body: { tenant: session.org(), record, use: use ?? 'use', shares: [{ dataset, owner, basisPoints: Math.round(Number(percent) * 100) }] } }),
    ).option('--use <word>', 'how it was used: retrieval, training …'),
    listCommand('shares, by record', ({ api, orgOrNone }, page) => api.ask('GET', '/royalties', { query: { ...page, tenant: orgOrNone } })),
  ),
  group(
    'ledger',
    "the deployment's own accounts, and money moved between them by two persons",
    listCommand('accounts, what is reserved on them and their rules; --after as "margin USD"', ({ api }, page) => api.ask('GET', '/ledger/accounts', { query: page }), 'accounts'),
    apiCommand('trial-balance', 'what all accounts of each kind hold together, and that debits are credits', ({ api }, _args, { before, currency }) =>
      api.ask('GET', '/ledger/trial-balance', { query: { currency, before: before === undefined ? undefined : String(Math.floor(Date.parse(before) / 1_000)) } }),
    )
      .option('--before <time>', 'left out, now')
      .option('--currency <code>', 'only of this one'),
    apiCommand('statement <code>', "what was in an account of an organisation's when a period began and ended, and what was posted in between; without --org of the deployment's", (session, [code], { from, to, currency, after }) =>
      session.api.ask('GET', `${session.orgOrNone === undefined ? '/ledger' : `/organisations/${session.orgOrNone}`}/accounts/${encodeURIComponent(code!)}/postings`, {
        query: { currency, after, start_time: String(Math.floor(Date.parse(from ?? new Date(Date.now() - 30 * 86_400_000).toISOString()) / 1_000)), end_time: to === undefined ? undefined : String(Math.floor(Date.parse(to) / 1_000)) },
      }),
    )
      .option('--from <time>', 'left out, 30 days ago')
      .option('--to <time>', 'left out, now')
      .option('--currency <code>', 'left out, USD')
      .option('--after <next>', 'the `next` of the page before'),
    apiCommand('open <name> <currency>', 'open the account operator:<name>, or set between what its balance (debits positive) must stay', ({ api }, [name, currency], { least, most }) =>
      api.ask('PUT', `/ledger/accounts/${name}`, { body: { currency, leastNanos: least === undefined ? null : nanosOf(least), mostNanos: most === undefined ? null : nanosOf(most) } }),
    )
      .option('--least <amount>', '0: never below zero; a negative one is a credit limit')
      .option('--most <amount>', 'and never above'),
    apiCommand('close <name> <currency>', 'close an account with nothing in it, for good', ({ api }, [name, currency]) => api.ask('POST', `/ledger/accounts/${name}/closure`, { body: { currency } })),
    apiCommand('reserve <debit> <credit> <amount> <note>', 'set an amount aside, as: reserve operator:bank received 120.50 "transfer of March"', ({ api }, [debit, credit, amount, note], { currency, days, id }) =>
      api.ask('PUT', `/ledger/reservations/${id ?? randomUUID()}`, {
        body: { note, currency: currency ?? 'USD', legs: [{ debit, credit, amountNanos: nanosOf(amount!) }], expiresAtMs: Date.now() + Math.round(Number(days ?? 7) * 86_400_000) },
      }),
    )
      .option('--currency <code>', 'left out, USD')
      .option('--days <count>', 'how long it waits to be posted; left out, 7')
      .option('--id <uuid>', 'to reserve it once'),
    apiCommand('post <id> [amount]', 'post what somebody else reserved, or so much of its one leg', ({ api }, [id, amount]) => api.ask('POST', `/ledger/reservations/${id}/posting`, { body: amount === undefined ? {} : { amountsNanos: [nanosOf(amount)] } })),
    apiCommand('void <id>', 'set free what was reserved', ({ api }, [id]) => api.ask('POST', `/ledger/reservations/${id}/void`, { body: {} })),
    listCommand('transfers in two phases', ({ api }, page, { state }) => api.ask('GET', '/ledger/reservations', { query: { ...page, state } })).option('--state <name>', 'pending, posted, voided, expired or all; left out, pending'),
  ),
  group('payout', 'what was paid', listCommand('what was drawn and credited on chain', ({ api, orgOrNone }, page) => api.ask('GET', '/payouts', { query: { ...page, tenant: orgOrNone } }))),
  group(
    'settlement',
    'epoch statements',
    apiCommand('run', 'run an epoch now', (session) => session.api.ask('POST', '/settlements', { body: { tenant: session.org() } })),
    listCommand('statements', ({ api, orgOrNone }, page) => api.ask('GET', '/settlements', { query: { ...page, tenant: orgOrNone } })),
    apiCommand('get <id>', 'one statement', (session, [id]) => session.api.ask('GET', `/settlements/${id}`, { query: { tenant: session.org() } })),
    apiCommand('exposure', 'what is owed and not settled, against the deposit that pays it', ({ api, orgOrNone }) => api.ask('GET', '/settlement/exposures', { query: { tenant: orgOrNone } })),
    apiCommand('reconciliation', 'every unit of the token: chain against events, statements and books, and what differs', ({ api, orgOrNone }) => api.ask('GET', '/settlement/reconciliation', { query: { tenant: orgOrNone } })),
    apiCommand('chain', 'chain, contracts, deposit and credits, now and at the newest final block', ({ api, orgOrNone }) => api.ask('GET', '/settlement/chain', { query: { tenant: orgOrNone } })),
    apiCommand('token', 'the token that is paid in, and from where it is taken', ({ api }) => api.ask('GET', '/settlement/token')),
    apiCommand('screening', 'how payers and payees are screened for sanctions', ({ api }) => api.ask('GET', '/settlement/screening')),
  ),
];
