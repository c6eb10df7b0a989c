import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { SystemClock, SystemIds } from '#kernel';
import { askChain } from '#local';
import type { SettleResponse } from '#protocol';
import { BoughtEngine } from '../../apps/node/engine/bought.js';
import type { EngineAnswer } from '../../apps/node/engine/engine.js';
import { Engines } from '../../apps/node/engine/engines.js';
import { jobRunner } from '../../apps/node/jobs/run-job.js';
import { openPurse } from '../../apps/node/purchases/open-purse.js';
import type { Purchase } from '../../apps/node/purchases/purchase.js';
import type { Purse } from '../../apps/node/purchases/purse.js';
import { eventually } from '../../apps/gateway/gateway-harness.js';
import { officialSeller, price, Seller } from './sellers.js';
import type { Conduct } from './sellers.js';
import { answer, network, payTo, Shop } from './x402-shop.js';

const ids = new SystemIds(new SystemClock());
const logger = pino({ level: 'silent' });
const root = join(import.meta.dirname, '../..');
/** Nano-dollars of a unit of the token. */
const unit = 1_000n;
const worth = price * unit;
const open = new AbortController().signal;

let shop: Shop;
let key: string;
let directory: string;
let wallet: { key: string; address: string };
let purse: Purse;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  shop = await Shop.open();
  key = await shop.gateway.key('facilitated');
});
afterAll(() => shop.close());
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const optionsOf = (dir: string, payerKey: string) => ({ dir, x402Rpc: shop.anvil.rpcUrl, x402Key: payerKey, x402Assets: [`${network}/${shop.token.address}`], x402MaxRequest: 50n * unit, x402MaxDay: 1_000n * unit, x402MaxHostDay: 35n * unit });

async function fund(approved = false): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'purse-'));
  closers.push(() => Promise.resolve(rmSync(directory, { recursive: true, force: true })));
  const buyer = await shop.buyer(1_000n, approved);
  wallet = { key: buyer.key, address: buyer.account.address };
}

async function openWallet(): Promise<Purse> {
  purse = await openPurse(optionsOf(directory, wallet.key), logger, 50);
  const opened = purse;
  closers.push(() => opened.close());
  return purse;
}

async function seller(conduct: Conduct): Promise<Seller> {
  const selling = await Seller.open(shop, key, conduct);
  closers.push(() => selling.close());
  return selling;
}

const honest: Conduct = async ({ take, respond }) => respond(200, await take());
const body = Buffer.from(JSON.stringify({ model: 'embed', input: 'a' }));

/** Asks a seller for one embedding, as a node does. */
async function buy(url: string, record: string = ids.uuid(), worthNanos: bigint | null = worth, signal = open): Promise<EngineAnswer> {
  const engine = new BoughtEngine(url, purse, ['embed']);
  try {
    return await engine.run({ record, model: 'embed', endpoint: 'embeddings', body, worthNanos: worthNanos ?? undefined }, signal);
  } finally {
    await engine.close();
  }
}

const bought = (id: string): Purchase | undefined => purse.purchases().find((one) => one.id === id);
async function decided(id: string): Promise<Purchase> {
  await eventually(() => bought(id) !== undefined && bought(id)!.state !== 'signed');
  return bought(id)!;
}
const spent = async (): Promise<bigint> => 1_000n - (await shop.token.balanceOf(wallet.address));

describe('a machine that buys what it sells', () => {
  it('pays a seller of the official package what it asks, and keeps what the chain says of it', async () => {
    await fund();
    await openWallet();
    const selling = await officialSeller(shop, key, () => 200);
    closers.push(() => selling.close());
    const engine = new BoughtEngine(selling.url, purse);
    expect(await engine.models()).toEqual([{ model: 'embed', endpoints: ['embeddings'] }]);
    await engine.close();
    const record = ids.uuid();
    const answered = await buy(selling.url, record);
    expect([answered.status, JSON.parse((answered.body as Buffer).toString()), await answered.usage]).toEqual([200, answer, { inputTokens: 5, outputTokens: 0 }]);
    expect(await decided(record)).toMatchObject({ state: 'paid', ended: 'answered', units: price, nanos: price * unit, payTo, lie: null, tx: expect.stringMatching(/^0x[0-9a-f]{64}$/) });
    expect(await spent()).toBe(price);
  });

  it('pays by upto what the work cost, and by Permit2, where the wallet has approved it', async () => {
    await fund(true);
    await openWallet();
    const selling = await officialSeller(shop, key, () => 200);
    closers.push(() => selling.close());
    const record = ids.uuid();
    expect((await buy(`${selling.url}/upto`, record)).status).toBe(200);
    expect(await decided(record)).toMatchObject({ scheme: 'upto', method: 'permit2', unitsMax: price, units: price / 2n, lie: null });
    expect(await spent()).toBe(price / 2n);
    const other = await seller(honest);
    other.asks = { ...other.asks, extra: { assetTransferMethod: 'permit2' } };
    const second = ids.uuid();
    expect((await buy(other.url, second)).status).toBe(200);
    expect(await decided(second)).toMatchObject({ scheme: 'exact', method: 'permit2', units: price, lie: null });
  });

  it('is charged nothing by the official package when the seller fails, and says that it failed', async () => {
    await fund();
    await openWallet();
    const selling = await officialSeller(shop, key, () => 500);
    closers.push(() => selling.close());
    const record = ids.uuid();
    expect((await buy(selling.url, record)).status).toBe(500);
    expect(bought(record)).toMatchObject({ state: 'signed', ended: 'failed', why: 'the seller answered 500' });
    expect(await spent()).toBe(0n);
  });

  it('buys from another gateway of this kind', async () => {
    await fund();
    await openWallet();
    const record = ids.uuid();
    const answered = await buy(shop.gateway.url, record, 100n * unit);
    expect([answered.status, JSON.parse((answered.body as Buffer).toString())]).toEqual([200, answer]);
    expect(await decided(record)).toMatchObject({ units: 17n, lie: null });
  });
});

describe('what a machine does not buy', () => {
  it('is what costs more than is reserved or allowed, in another asset, on another chain, or paid to somebody else', async () => {
    await fund();
    await openWallet();
    const selling = await seller(honest);
    await buy(selling.url);
    const cases: [object, RegExp, bigint?][] = [
      [{ amount: '11' }, /\$0\.000011, which is above the \$0\.00001 of what is reserved/],
      [{ amount: '51' }, /above the \$0\.00005 of the limit for one request/, 10n ** 9n],
      [{ asset: payTo }, /the asset 0x\w+, which is not allowed/],
      [{ network: 'eip155:8453' }, /the network eip155:8453, which is not allowed/],
      [{ network: 'solana:mainnet', asset: 'So11111111111111111111111111111111111111112' }, /another kind of chain/],
      [{ payTo: wallet.address }, /which is not whom this seller was paid by before/],
      [{ scheme: 'upto', extra: { facilitatorAddress: payTo } }, /Permit2, which this wallet has not approved/],
      [{ amount: '30' }, /more would be above the \$0\.000035 that may be spent at 127\.0\.0\.1:\d+ a day/, 10n ** 9n],
    ];
    const asked = selling.asks;
    for (const [change, why, worthNanos] of cases) {
      selling.asks = { ...asked, ...change };
      await expect(buy(selling.url, ids.uuid(), worthNanos)).rejects.toMatchObject({ code: 'ENGINE_FAILED', message: expect.stringMatching(why) });
    }
    await expect(buy(selling.url, ids.uuid(), null)).rejects.toThrow(/does not say what is reserved/);
    expect([selling.payments.length, await spent()]).toEqual([1, price]);
  });

  it('is a second answer for the same request: asked again, asked for more, or paid to another, it pays once and not again', async () => {
    await fund();
    await openWallet();
    for (const change of [{}, { amount: '20' }, { payTo: wallet.address }]) {
      const selling = await seller(({ ask }) => ask(change));
      const record = ids.uuid();
      await expect(buy(selling.url, record, 100n * unit)).rejects.toThrow(/asks again for what was paid/);
      // The next attempt at the same request carries the same payment.
      await expect(buy(selling.url, record, 100n * unit)).rejects.toThrow(/asks again for what was paid/);
      expect(new Set(selling.payments).size).toBe(1);
      expect(bought(record)).toMatchObject({ state: 'signed', ended: 'failed', unitsMax: price });
    }
    expect(await spent()).toBe(0n);
  });

  it('is anything at a seller that took money and gave nothing', async () => {
    await fund();
    await openWallet();
    const selling = await seller(async ({ take, respond }) => respond(500, await take()));
    const record = ids.uuid();
    expect((await buy(selling.url, record)).status).toBe(500);
    expect(await decided(record)).toMatchObject({ state: 'paid', ended: 'failed', units: price });
    await expect(buy(selling.url)).rejects.toThrow(/is set aside until .*: it took a payment and gave no answer/);
    expect(await spent()).toBe(price);
  });

  it.each<[string, (truth: SettleResponse) => Partial<SettleResponse>, RegExp]>([
    ['less than it took', (truth) => ({ ...truth, amount: '1' }), /it said that it took 1 units and took 10/],
    ['a transaction of another payment', () => ({ success: true, transaction: firstTx, network }), /which is not this payment/],
  ])('is anything at a seller whose receipt is not true: %s', async (_what, lie, why) => {
    await fund();
    await openWallet();
    const first = ids.uuid();
    const selling = await seller(honest);
    await buy(selling.url, first);
    firstTx = (await decided(first)).tx!;
    selling.conduct = async ({ take, respond }) => respond(200, lie(await take()));
    const record = ids.uuid();
    expect((await buy(selling.url, record)).status).toBe(200);
    expect(await decided(record)).toMatchObject({ state: 'paid', units: price, lie: expect.stringMatching(why) });
    await expect(buy(selling.url)).rejects.toThrow(/is set aside/);
  });
  let firstTx = '';
});

describe('a machine that dies over a purchase', () => {
  it('gives the payment that it had signed again, and pays once: whether the seller had taken it or not', async () => {
    for (const isTaken of [false, true]) {
      await fund();
      const holding = await seller(async ({ take }) => void (isTaken && (await take())));
      const record = ids.uuid();
      const code = `
        import { openPurse } from ${JSON.stringify(join(root, 'dist/apps/node/purchases/open-purse.js'))};
        import { BoughtEngine } from ${JSON.stringify(join(root, 'dist/apps/node/engine/bought.js'))};
        const { options, url, record, body, worth } = JSON.parse(process.argv[1]);
        for (const name of ['x402MaxRequest', 'x402MaxDay', 'x402MaxHostDay']) options[name] = BigInt(options[name]);
        const purse = await openPurse(options, { info() {}, warn() {} });
        await new BoughtEngine(url, purse, ['embed']).run({ record, model: 'embed', endpoint: 'embeddings', body: Buffer.from(body), worthNanos: BigInt(worth) }, new AbortController().signal);
      `;
      const given = { options: optionsOf(directory, wallet.key), url: holding.url, record, body: body.toString(), worth };
      const text = JSON.stringify(given, (_name, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
      const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', code, text], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
      await eventually(async () => {
        if (child.exitCode !== null) throw new Error(`the buyer ended by itself with ${child.exitCode}`);
        return holding.payments.length === 1 && (!isTaken || (await spent()) === price);
      });
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      await openWallet();
      expect(bought(record)).toMatchObject({ ended: 'failed', why: 'the machine stopped before the answer came' });
      holding.conduct = honest;
      expect((await buy(holding.url, record)).status).toBe(200);
      expect(holding.payments).toEqual([holding.payments[0], holding.payments[0]]);
      expect([(await decided(record)).state, await spent()]).toEqual(['paid', price]);
    }
  });

  it('signs the same payment twice at most in form: with all it knew lost, the chain takes one', async () => {
    await fund();
    await openWallet();
    const selling = await seller(honest);
    const record = ids.uuid();
    await buy(selling.url, record);
    await purse.close();
    rmSync(join(directory, 'purchases.jsonl'));
    await openWallet();
    selling.conduct = async ({ take, ask }) => {
      await take();
      ask();
    };
    await expect(buy(selling.url, record)).rejects.toThrow(/asks again/);
    expect(await spent()).toBe(price);
  });
});

describe('a node that sells what it buys', () => {
  it('pays within what the gateway has reserved, and the request moves on to another machine when the seller is too dear', async () => {
    await fund();
    await openWallet();
    const selling = await seller(honest);
    const engines = await Engines.start([`x402+${selling.url}`], { purse, soldModels: ['resold-embed'], capacity: 4 });
    closers.push(() => engines.close());
    const run = jobRunner(engines);
    const worths: (bigint | undefined)[] = [];
    await shop.gateway.node(21, (job, signal) => (worths.push(job.worthNanos), run(job, signal)), { model: 'resold-embed' }, 1_000_000_000n);
    const caller = await shop.gateway.key('caller');
    const ask = () => fetch(`${shop.gateway.url}/v1/embeddings`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${caller}` }, body: JSON.stringify({ model: 'resold-embed', input: 'a' }) });
    await eventually(async () => (await fetch(`${shop.gateway.url}/v1/models/resold-embed`, { headers: { authorization: `Bearer ${caller}` } })).status === 200);
    const served = await ask();
    expect([served.status, await served.json()]).toEqual([200, answer]);
    // A byte and 16 markers at a dollar a million.
    expect(worths).toEqual([17_000n]);
    const record = served.headers.get('x-mizan-record')!;
    expect(await decided(record)).toMatchObject({ ended: 'answered', units: price });
    let ran = 0;
    await shop.gateway.node(22, () => ((ran += 1), Promise.resolve({ status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(answer)), usage: { inputTokens: 5, outputTokens: 0 } })), { model: 'resold-embed' }, 1_500_000_000n);
    selling.asks = { ...selling.asks, amount: '18' };
    await eventually(async () => {
      const moved = await ask();
      expect(moved.status).toBe(200);
      return ran > 0;
    });
    expect(await spent()).toBe(price);
  });
});

/** The last: it puts the chain's clock forward. */
describe('payments that no seller takes', () => {
  it('keep a machine from buying there when there are three, lapse when the chain is past their end, and are not spent', async () => {
    await fund();
    await openWallet();
    const selling = await seller(() => undefined);
    selling.asks = { ...selling.asks, maxTimeoutSeconds: 300 };
    const records = [ids.uuid(), ids.uuid(), ids.uuid()];
    for (const record of records) {
      const hurry = new AbortController();
      const asked = buy(selling.url, record, worth, hurry.signal);
      await eventually(() => selling.payments.length > records.indexOf(record));
      hurry.abort(new Error('nobody waits'));
      await expect(asked).rejects.toThrow('nobody waits');
    }
    await expect(buy(selling.url)).rejects.toThrow(/3 payments to .* brought no answer and may still be taken/);
    await askChain(shop.anvil.rpcUrl, 'evm_increaseTime', [330]);
    await eventually(() => records.every((record) => bought(record)!.state === 'lapsed'));
    selling.conduct = honest;
    selling.asks = { ...selling.asks, maxTimeoutSeconds: 600 };
    const record = records[0]!;
    expect((await buy(selling.url, record)).status).toBe(200);
    expect(await decided(record)).toMatchObject({ state: 'paid', units: price });
    expect(await spent()).toBe(price);
  });
});
