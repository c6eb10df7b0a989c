import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Wallet } from 'ethers';
import { z } from 'zod';
import { connect, Escrow, escrowCalls, escrowInterface, sendCall, verifyStatement } from '#chain';
import { statementFile } from '#protocol';
import { Books } from './books.js';
import { eventually } from './eventually.js';
import { oneStack } from './one-stack.js';
import { embed, recordIn, recordOf } from './requests.js';
import { stackMs } from './standalone-stack.js';
import type { StandaloneStack } from './standalone-stack.js';

const names = ['ledger-sums-to-zero', 'charges-match-records', 'vouchers-within-owed', 'jobs-once', 'log-append-only', 'decisions-counted'];
/** Enough words to earn a machine a few units of the token, which are a thousand nano-dollars each. */
const sentences = Array.from({ length: 16 }, (_, at) => `Sentence ${at}: a false balance is an abomination, and a just weight is a delight.`);

let stack: StandaloneStack;
let books: Books;
/** A request that ran, was charged, and was paid for on chain. */
let paid: string;
/** Whose machine was paid, and where that machine keeps its keys. */
let earner: { payee: string; directory: string };

beforeAll(async () => {
  stack = await oneStack();
  books = Books.open(stack.run.databaseUrl);
}, stackMs);

afterAll(() => books?.close());

describe('mizan verify', () => {
  it('finds all six invariants to hold after requests, refusals, an epoch and a withdrawal', async () => {
    const [api, platform] = [stack.rest(), stack.rest(stack.run.adminKey)];
    const { tenant } = stack.run;
    const answers = await Promise.all([
      embed(api, sentences),
      embed(api, sentences),
      embed(api, [...sentences, 'Write to the clerk at clerk@example.com.']),
      embed(api, 'Not for anybody else.', { 'x-mizan-tags': 'sender:rssfeeds@spamassassin.taint.org' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 403]);
    paid = recordIn(answers[0]);
    for (const answer of answers) await recordOf(api, recordIn(answer));
    await books.settle();

    const { id } = await platform.post<{ id: string }>('/v1/settlements', { tenant });
    const payouts = await eventually(`the payouts of statement ${id}`, async (saw) => {
      const { data } = await platform.get<{ data: { statement: string; payee: string; units: string; state: string }[] }>(`/v1/payouts?tenant=${tenant}&limit=200`);
      saw(data);
      const own = data.filter(({ statement }) => statement === id);
      return own.length > 0 && own.every(({ state }) => state === 'settled') ? own : undefined;
    });
    const { payee, units } = payouts[0]!;
    const { directory } = stack.run.nodes.find(({ payoutAddress }) => payoutAddress.toLowerCase() === payee.toLowerCase())!;
    earner = { payee, directory };
    const withdrawal = await stack.node('withdraw', '--dir', directory, '--rpc', stack.run.rpcUrl, '--escrow', stack.run.contracts.escrow, '--json');
    expect(withdrawal).toMatchObject({ code: 0 });
    expect(JSON.parse(withdrawal.stdout)).toMatchObject({ units });

    const { invariants, code } = await stack.verify();
    expect(invariants.map(({ name, holds, detail }) => `${name}: ${holds ? 'holds' : detail}`)).toEqual(names.map((name) => `${name}: holds`));
    expect(code).toBe(0);
    const total = payouts.reduce((sum, payout) => sum + BigInt(payout.units), 0n);
    expect(invariants.find(({ name }) => name === 'vouchers-within-owed')?.detail).toContain(`${total} units credited on chain`);
    expect(invariants.find(({ name }) => name === 'log-append-only')?.detail).toMatch(/, [1-9]\d* anchors?$/);
  });

  it('leaves payees their statements: who holds the key fetches them, without an account, and needs nothing else to use them', async () => {
    const [out, keyFile, strangerFile] = [stack.path('fetched'), join(earner.directory, 'wallet.key'), stack.path('stranger.key')];
    writeFileSync(strangerFile, Wallet.createRandom().privateKey);
    const fetched = async (key: string): Promise<{ payee: string; statements: string[]; exposure: unknown[] }> => {
      const ended = await stack.mizan('settle', 'fetch', '--api', stack.run.api, '--out', out, '--key-file', key, '--json');
      expect(ended).toMatchObject({ code: 0 });
      return JSON.parse(ended.stdout) as { payee: string; statements: string[]; exposure: unknown[] };
    };
    const { payee, statements } = await fetched(keyFile);
    expect(payee.toLowerCase()).toBe(earner.payee.toLowerCase());
    expect(statements.length).toBeGreaterThan(0);
    for (const path of statements) {
      const { statement, signature, payees, chainId, escrow } = z.decode(statementFile, JSON.parse(readFileSync(path, 'utf8')) as never);
      expect(payees.map(({ address }) => address.toLowerCase())).toContain(payee.toLowerCase());
      expect(verifyStatement(statement, { chainId: BigInt(chainId), escrow }, signature)).toBe(true);
    }
    // What is there is not fetched again, and a stranger's key brings nothing.
    expect(await fetched(keyFile)).toMatchObject({ statements: [] });
    expect(await fetched(strangerFile)).toMatchObject({ statements: [], exposure: [] });
    const submitted = await stack.mizan('settle', 'submit', statements.at(-1)!, '--rpc', stack.run.rpcUrl, '--key-file', keyFile, '--json');
    expect(submitted).toMatchObject({ code: 0 });
    expect(JSON.parse(submitted.stdout)).toMatchObject({ payer: stack.run.payer, sent: false });
  });

  /** Changes a row as the database's administrator, looks, and changes it back. */
  async function brokenBy(change: string, undo: string, params: unknown[]): Promise<{ broken: string[]; detail: string; code: number }> {
    expect(await books.query(`${change} RETURNING 1`, params)).toHaveLength(1);
    try {
      const { invariants, code } = await stack.verify(2);
      const broken = invariants.filter(({ holds }) => !holds);
      return { broken: broken.map(({ name }) => name), detail: broken.map(({ detail }) => detail).join('; '), code };
    } finally {
      expect(await books.query(`${undo} RETURNING 1`, params)).toHaveLength(1);
    }
  }

  const flip = 'UPDATE governance.log_bundles SET entries = set_byte(entries, $2, get_byte(entries, $2) # 1) WHERE first = $1';

  /** A byte in the middle of an entry: the piece of a bundle that it is in, and where there. */
  async function byteOf(index: string): Promise<[first: string, at: number]> {
    const [piece] = await books.query<{ first: string; entries: Buffer }>('SELECT first, entries FROM governance.log_bundles WHERE first <= $1 ORDER BY first DESC LIMIT 1', [index]);
    let start = 0;
    for (let skipped = Number(piece!.first); skipped < Number(index); skipped++) start += 2 + piece!.entries.readUInt16BE(start);
    return [piece!.first, start + 2 + Math.floor(piece!.entries.readUInt16BE(start) / 2)];
  }

  it('names the entry when one bit of the log is changed', async () => {
    const [{ index } = { index: '' }] = await books.query<{ index: string }>("SELECT index FROM governance.log_entries WHERE id = $1 AND type = 'completed'", [paid]);
    const seen = await brokenBy(flip, flip, await byteOf(index));
    expect(seen).toEqual({ broken: ['log-append-only'], detail: expect.stringMatching(new RegExp(`\\bentry ${index}\\b`)), code: 1 });
  });

  it('names the transfer when one posting of the ledger is changed', async () => {
    const change = (by: string): string => `UPDATE billing.postings SET amount = amount ${by} WHERE transfer = $1 AND line = 0`;
    const [{ id } = { id: '' }] = await books.query<{ id: string }>("SELECT id FROM billing.transfers WHERE code = 'lease.grant' ORDER BY id LIMIT 1");
    const seen = await brokenBy(change('+ 1'), change('- 1'), [id]);
    expect(seen).toEqual({ broken: ['ledger-sums-to-zero'], detail: expect.stringContaining(`transfer ${id}`), code: 1 });
  });

  it('names the receipt when one claims more than its machine signed for', async () => {
    const change = (by: string): string => `UPDATE billing.receipts SET input_tokens = input_tokens ${by} WHERE record = $1`;
    const seen = await brokenBy(change('+ 1'), change('- 1'), [paid]);
    expect(seen).toEqual({ broken: ['charges-match-records'], detail: expect.stringContaining(paid), code: 1 });
  });

  it('names the organisation or the payee when one payout is raised', async () => {
    const [{ statement, payee } = { statement: '', payee: '' }] = await books.query<{ statement: string; payee: string }>('SELECT statement, payee FROM billing.statement_lines ORDER BY payee LIMIT 1');
    const change = (by: string): string => `UPDATE billing.statement_lines SET units = units ${by}, cumulative_units = cumulative_units ${by} WHERE statement = $1 AND payee = $2`;
    const seen = await brokenBy(change('+ 1'), change('- 1'), [statement, payee]);
    expect(seen).toEqual({ broken: ['vouchers-within-owed'], detail: expect.stringMatching(new RegExp(`${stack.run.tenant}|${payee}`, 'i')), code: 1 });
  });

  it('names the job when one that was done and charged is called void', async () => {
    const change = (from: string, to: string): string => `UPDATE billing.admissions SET state = '${to}' WHERE record = $1 AND state = '${from}'`;
    const seen = await brokenBy(change('completed', 'voided'), change('voided', 'completed'), [paid]);
    expect(seen).toEqual({ broken: ['jobs-once'], detail: expect.stringContaining(`job ${paid}`), code: 1 });
  });

  it('says so to people, too, and is content again when all is as it was', async () => {
    const [{ index } = { index: '' }] = await books.query<{ index: string }>('SELECT max(index) - 3 AS index FROM governance.log_entries');
    const at = await byteOf(index);
    const flipHash = flip.replaceAll('entries', 'hashes');
    const first = at[0];
    await books.query(flipHash, [first, (Number(index) - Number(first)) * 32 + 7]);
    const told = await stack.mizan('verify', '--run', stack.path('run.json'), '--patience', '2');
    await books.query(flipHash, [first, (Number(index) - Number(first)) * 32 + 7]);
    expect(told.code).toBe(1);
    expect(told.stdout).toMatch(new RegExp(`log-append-only.*entry ${index}\\b`));
    const { invariants, code } = await stack.verify();
    expect(invariants.filter(({ holds }) => !holds)).toEqual([]);
    expect(code).toBe(0);
  });

  it('holds over a stop and a start: everything is where it was', async () => {
    const before = await recordOf(stack.rest(), paid);
    const head = await books.query('SELECT size, root FROM governance.log_head');
    await books.close();
    await stack.restart('SIGINT');
    books = Books.open(stack.run.databaseUrl);
    expect(await recordOf(stack.rest(), paid)).toEqual(before);
    expect((await embed(stack.rest(), 'A new day.')).status).toBe(200);
    const [now] = await books.query<{ size: string }>('SELECT size FROM governance.log_head');
    expect(Number(now!.size)).toBeGreaterThanOrEqual(Number((head[0] as { size: string }).size));
    const { invariants, code } = await stack.verify();
    expect(invariants.filter(({ holds }) => !holds)).toEqual([]);
    expect(code).toBe(0);
  });
});

describe('a deposit', () => {
  it('that is asked back pays for nothing new: work is refused with 402 until it is left where it is', async () => {
    const payerKey = (JSON.parse(readFileSync(stack.path('secrets.json'), 'utf8')) as Record<string, string>)['wallet:payer']!;
    const provider = connect(stack.run.rpcUrl, BigInt(stack.run.chainId));
    try {
      const payer = new Wallet(payerKey, provider);
      const { available } = await new Escrow(stack.run.contracts.escrow, provider).payer(payer.address);
      await sendCall(payer, stack.run.contracts.escrow, escrowCalls.thaw(available));
      const refused = await eventually('work to be refused', async (saw) => {
        const answered = await embed(stack.rest(), `A sentence of ${Date.now()}.`);
        saw(answered);
        return answered.status === 402 ? answered : undefined;
      });
      expect(refused.error).toMatchObject({ code: 'EXPOSURE_EXCEEDED', message: expect.stringContaining(`the deposit of ${payer.address} covers 0 nano-dollars`) });
      await sendCall(payer, stack.run.contracts.escrow, escrowInterface.encodeFunctionData('cancelThaw'));
      await eventually('work to be taken again', async (saw) => {
        const answered = await embed(stack.rest(), `Another sentence of ${Date.now()}.`);
        saw(answered);
        return answered.status === 200 ? true : undefined;
      });
    } finally {
      provider.destroy();
    }
  });
});
