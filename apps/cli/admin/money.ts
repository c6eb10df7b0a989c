import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parseNanos } from '#kernel';
import { apiCommand, group, listCommand } from './api-command.js';
import { period, withPeriod } from './costs.js';

const nanosOf = (usd: string): string => parseNanos(usd).toString();

export const moneyCommands = (): Command[] => [
  group(
    'budget',
    'what projects may spend',
    apiCommand('set <project> <usd>', "set the limit of a project's budget", (session, [project, usd]) =>
      session.api.ask('PUT', `/organisations/${session.org()}/budgets`, { body: { project, limitNanos: nanosOf(usd!) } }),
    ),
    apiCommand('list', 'budgets', (session) => session.api.ask('GET', `/organisations/${session.org()}/budgets`)),
  ),
  group(
    'price',
    'what offers cost',
    apiCommand('set <offer> <input-usd> <output-usd>', 'begin a new price version, per million tokens', ({ api }, [offer, input, output]) =>
      api.ask('PUT', `/offers/${offer}/price`, { body: { inputNanosPerMillion: nanosOf(input!), outputNanosPerMillion: nanosOf(output!) } }),
    ),
    listCommand('price versions', ({ api }, page, { offer }) => api.ask('GET', '/prices', { query: { ...page, offer } })).option('--offer <id>', 'of one offer'),
  ),
  apiCommand('quote <model> <input-tokens>', 'the most that requests would cost, on each machine and line by line', ({ api }, [model, inputTokens], { output, requests, endpoint }) =>
    api.ask('POST', '/quotes', { body: { model, endpoint: endpoint ?? (output === undefined ? 'embeddings' : 'chat.completions'), inputTokens: Number(inputTokens), outputTokens: Number(output ?? 0), requests: Number(requests ?? 1) } }),
  )
    .option('--output <tokens>', 'the most that the answer may be')
    .option('--requests <count>', 'how many alike')
    .option('--endpoint <name>', 'embeddings, completions or chat.completions'),
  group('charge', 'what requests cost', apiCommand('get <record>', 'what a request cost', ({ api, orgOrNone }, [record]) => api.ask('GET', `/charges/${record}`, { query: { tenant: orgOrNone } }))),
  group(
    'payer',
    'whose deposit pays',
    apiCommand('set <address>', 'name the address whose deposit pays for an organisation', (session, [address]) => session.api.ask('PUT', `/organisations/${session.org()}/payer`, { body: { address } })),
  ),
  group('payable', 'what is owed', apiCommand('list', 'what is owed to each payee', ({ api, orgOrNone }) => api.ask('GET', '/payables', { query: { tenant: orgOrNone } }))),
  group(
    'payee',
    'those who are paid',
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
    'royalty',
    'shares of owners of data',
    apiCommand('note <record> <dataset> <owner> <percent>', "give the owner of a data set a share of a request's charge, out of what its machine earned", (session, [record, dataset, owner, percent], { use }) =>
      session.api.ask('POST', '/royalties', { body: { tenant: session.org(), record, use: use ?? 'use', shares: [{ dataset, owner, basisPoints: Math.round(Number(percent) * 100) }] } }),
    ).option('--use <word>', 'how it was used: retrieval, training …'),
    listCommand('shares, by record', ({ api, orgOrNone }, page) => api.ask('GET', '/royalties', { query: { ...page, tenant: orgOrNone } })),
  ),
  group('payout', 'what was paid', listCommand('what was drawn and credited on chain', ({ api, orgOrNone }, page) => api.ask('GET', '/payouts', { query: { ...page, tenant: orgOrNone } }))),
  group(
    'settlement',
    'epoch statements',
    apiCommand('run', 'run an epoch now', (session) => session.api.ask('POST', '/settlements', { body: { tenant: session.org() } })),
    listCommand('statements', ({ api, orgOrNone }, page) => api.ask('GET', '/settlements', { query: { ...page, tenant: orgOrNone } })),
    apiCommand('get <id>', 'one statement', (session, [id]) => session.api.ask('GET', `/settlements/${id}`, { query: { tenant: session.org() } })),
    apiCommand('exposure', 'what is owed and not settled, against the deposit that pays it', ({ api, orgOrNone }) => api.ask('GET', '/settlement/exposures', { query: { tenant: orgOrNone } })),
    apiCommand('chain', 'chain, contracts, deposit and credits', ({ api, orgOrNone }) => api.ask('GET', '/settlement/chain', { query: { tenant: orgOrNone } })),
  ),
];
