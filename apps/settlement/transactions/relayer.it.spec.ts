import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Wallet } from 'ethers';
import type { DataSource } from 'typeorm';
import { SystemClock, SystemIds } from '#kernel';
import { connect, deployEscrow, deployTestDollar, escrowCalls, localSigner } from '#chain';
import { askChain } from '#local';
import { createDataSource, migrate } from '#service';
import { anvilKeys, createTestDatabase, mine, startAnvil } from '#testing';
import type { Anvil, TestDatabase } from '#testing';
import { ChainLink } from '../chain/chain-link.js';
import type { Broadcast } from '../chain/chain-link.js';
import { settlement } from '../settlement.service-definition.js';
import { Relayer, replaceMs, resendMs } from './relayer.service.js';
import { SenderLock } from './sender-lock.js';
import { TransactionStore } from './transaction.store.js';

jest.setTimeout(60_000);

const relayerKey = anvilKeys[3];
const payees = Array.from({ length: 16 }, () => Wallet.createRandom().address);

const unlimited = { SETTLEMENT_FEE_GWEI_MAX: 500, SETTLEMENT_GAS_WEI_PER_DAY: 10n ** 24n };

class Death extends Error {}

/** A chain during which the process can die, before or after a message has left; keeps all that was sent. */
class MortalLink extends ChainLink {
  dieAt: 'before sending' | 'after sending' | 'on the receipt' | null = null;
  readonly sent: string[] = [];

  override async broadcast(raw: string): Promise<Broadcast> {
    if (this.dieAt === 'before sending') throw new Death();
    this.sent.push(raw);
    const answer = await super.broadcast(raw);
    if (this.dieAt === 'after sending') throw new Death();
    return answer;
  }

  override async receipt(hash: string): ReturnType<ChainLink['receipt']> {
    const receipt = await super.receipt(hash);
    if (this.dieAt === 'on the receipt') throw new Death();
    return receipt;
  }
}

class ShiftedClock extends SystemClock {
  shiftMs = 0;
  override nowMs(): number {
    return super.nowMs() + this.shiftMs;
  }
}

describe('the relayer', () => {
  let anvil: Anvil;
  let database: TestDatabase;
  let dataSource: DataSource;
  let store: TransactionStore;
  let escrow: string;
  let links: MortalLink[];
  let clock: ShiftedClock;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    [anvil, database] = await Promise.all([startAnvil(), createTestDatabase({ service: 'settlement' })]);
    await migrate(settlement, database.ownerUrl);
    dataSource = await createDataSource(database.url, 'settlement').initialize();
    const provider = connect(anvil.rpcUrl, 31_337n);
    const deployer = new Wallet(anvilKeys[0], provider);
    escrow = await deployEscrow(deployer, { token: await deployTestDollar(deployer), unit: 1n, thawSeconds: 60n });
    provider.destroy();
    store = new TransactionStore(dataSource, new SystemIds(new SystemClock()));
  }, 120_000);

  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
    await anvil.stop();
  });

  beforeEach(() => {
    links = [];
    clock = new ShiftedClock();
  });

  afterEach(async () => {
    links.forEach((link) => link.close());
    await askChain(anvil.rpcUrl, 'evm_setAutomine', [true]);
  });

  /** A new process: nothing in memory, the same database and chain. */
  function start(limits = unlimited): { link: MortalLink; relayer: Relayer } {
    const link = new MortalLink({ SETTLEMENT_RPC_URL: [anvil.rpcUrl], SETTLEMENT_CHAIN_ID: 31_337, SETTLEMENT_ESCROW: escrow }, localSigner(relayerKey));
    links.push(link);
    return { link, relayer: new Relayer(link, store, new SenderLock(dataSource), clock, limits) };
  }

  async function plan(link: ChainLink, payee: string): Promise<void> {
    const id = await store.plan(dataSource.manager, link, { purpose: 'register', subject: payee, target: escrow, data: escrowCalls.register(payee) });
    expect(id).not.toBeNull();
  }

  async function row(payee: string): Promise<{ state: string; nonce: string | null; error: string | null; hashes: string[] }> {
    const rows = await dataSource.query<{ state: string; nonce: string; error: string | null; hashes: string[] }[]>(
      `SELECT state, nonce, error, (SELECT coalesce(json_agg(hash ORDER BY number), '[]') FROM settlement.attempts a WHERE a.transaction = t.id) AS hashes
       FROM settlement.transactions t WHERE subject = $1 ORDER BY id DESC LIMIT 1`,
      [payee],
    );
    return rows[0]!;
  }

  async function settleDown(relayer: Relayer, payee: string, state = 'final'): Promise<void> {
    for (let round = 0; round < 20 && (await row(payee)).state !== state; round++) {
      await relayer.round();
      await mine(anvil.rpcUrl, 1);
    }
    expect((await row(payee)).state).toBe(state);
  }

  it.each(['before sending', 'after sending', 'on the receipt'] as const)('that dies %s leaves a successor that sends the same bytes and is done exactly once', async (moment) => {
    const payee = payees.shift()!;
    const first = start();
    await plan(first.link, payee);
    first.link.dieAt = moment;
    await expect((async () => {
      for (;;) await first.relayer.round();
    })()).rejects.toThrow(Death);
    const left = await row(payee);
    expect(left.hashes).toHaveLength(1);

    const second = start();
    await settleDown(second.relayer, payee);
    const done = await row(payee);
    expect(done).toMatchObject({ nonce: left.nonce, hashes: left.hashes });
    const bytes = new Set([...first.link.sent, ...second.link.sent]);
    expect(bytes.size).toBe(1);
    expect(await second.link.escrow.indexOf(payee)).not.toBeNull();
    expect(await second.link.nonce('latest')).toBe(Number(done.nonce) + 1);
  });

  it('sends the same bytes again when a reorganisation takes the transaction away', async () => {
    const payee = payees.shift()!;
    const { link, relayer } = start();
    await plan(link, payee);
    await relayer.round();
    await relayer.round();
    const { state, hashes } = await row(payee);
    expect(state).toBe('mined');
    await askChain(anvil.rpcUrl, 'anvil_reorg', [1, []]);
    expect(await link.escrow.indexOf(payee)).toBeNull();
    await settleDown(relayer, payee);
    expect((await row(payee)).hashes).toEqual(hashes);
    expect(await link.escrow.indexOf(payee)).not.toBeNull();
  });

  it('sends a dropped transaction again, and replaces one that stays unmined by a dearer one of the same nonce', async () => {
    const payee = payees.shift()!;
    const { link, relayer } = start();
    await askChain(anvil.rpcUrl, 'evm_setAutomine', [false]);
    await plan(link, payee);
    await relayer.round();
    const [hash] = (await row(payee)).hashes;
    await askChain(anvil.rpcUrl, 'anvil_dropTransaction', [hash]);
    await relayer.round();
    expect(link.sent).toHaveLength(1);
    clock.shiftMs = resendMs + 1;
    await relayer.round();
    expect(link.sent).toHaveLength(2);
    expect(link.sent[1]).toBe(link.sent[0]);

    clock.shiftMs = replaceMs + 1;
    await relayer.round();
    const { hashes } = await row(payee);
    expect(hashes).toHaveLength(2);
    await askChain(anvil.rpcUrl, 'evm_setAutomine', [true]);
    await settleDown(relayer, payee);
    expect(await link.receipt(hashes[0]!)).toBeNull();
    expect(await link.receipt(hashes[1]!)).toMatchObject({ status: 1 });
  });

  it('does not spend a nonce on a call that the contract refuses, and names the refusal', async () => {
    const payee = payees.shift()!;
    const { link, relayer } = start();
    await plan(link, payee);
    await settleDown(relayer, payee);
    await plan(link, payee);
    await relayer.round();
    expect(await row(payee)).toMatchObject({ state: 'failed', nonce: null, error: 'AlreadyRegistered' });
  });

  it('stops when its nonce was used by somebody else, and goes on with the next', async () => {
    const [payee, other] = [payees.shift()!, payees.shift()!];
    const { link, relayer } = start();
    await plan(link, payee);
    link.dieAt = 'before sending';
    await expect(relayer.round()).rejects.toThrow(Death);
    const provider = connect(anvil.rpcUrl, 31_337n);
    await (await new Wallet(relayerKey, provider).sendTransaction({ to: Wallet.createRandom().address, value: 1n })).wait(1, 10_000);
    provider.destroy();
    link.dieAt = null;
    await settleDown(relayer, payee, 'failed');
    expect((await row(payee)).error).toContain('foreign');
    await plan(link, other);
    await settleDown(relayer, other);
  });

  it('spends no more on gas in a day than it may, nor more for a unit: what is too dear waits without a nonce', async () => {
    const payee = payees.shift()!;
    const spent = BigInt((await dataSource.query<{ wei: string }[]>('SELECT sum(coalesce(gas_wei_spent, gas_wei_bound)) AS wei FROM settlement.transactions'))[0]!.wei);
    expect(spent).toBeGreaterThan(0n);
    const { link, relayer } = start({ ...unlimited, SETTLEMENT_GAS_WEI_PER_DAY: spent + 1n });
    await plan(link, payee);
    await relayer.round();
    expect(await row(payee)).toMatchObject({ state: 'planned', nonce: null, error: expect.stringContaining('SETTLEMENT_GAS_WEI_PER_DAY') });
    await askChain(anvil.rpcUrl, 'anvil_setNextBlockBaseFeePerGas', ['0x2540be400']);
    await mine(anvil.rpcUrl, 1);
    await start({ ...unlimited, SETTLEMENT_FEE_GWEI_MAX: 1 }).relayer.round();
    expect(await row(payee)).toMatchObject({ state: 'planned', nonce: null, error: expect.stringContaining('SETTLEMENT_FEE_GWEI_MAX') });
    await settleDown(start().relayer, payee);
    expect((await row(payee)).error).toBeNull();
  });

  it('waits for coins when the relayer has too few', async () => {
    const payee = payees.shift()!;
    const { link, relayer } = start();
    const before = await askChain<string>(anvil.rpcUrl, 'eth_getBalance', [link.sender, 'latest']);
    await askChain(anvil.rpcUrl, 'anvil_setBalance', [link.sender, '0x1']);
    await plan(link, payee);
    await relayer.round();
    expect(await row(payee)).toMatchObject({ state: 'planned', nonce: null, error: expect.stringContaining(`the relayer ${link.sender} has too few coins`) });
    await askChain(anvil.rpcUrl, 'anvil_setBalance', [link.sender, before]);
    await settleDown(relayer, payee);
  });

  it('twice at once gives out each nonce once', async () => {
    const some = payees.splice(0, 3);
    const [a, b] = [start(), start()];
    for (const payee of some) await plan(a.link, payee);
    for (let round = 0; round < 8; round++) {
      await Promise.all([a.relayer.round(), b.relayer.round()]);
      await mine(anvil.rpcUrl, 1);
    }
    const rows = await Promise.all(some.map(row));
    expect(rows.map(({ state }) => state)).toEqual(['final', 'final', 'final']);
    expect(new Set(rows.map(({ nonce }) => nonce)).size).toBe(3);
    expect(a.link.sent.length + b.link.sent.length).toBe(3);
  });

  it('says CHAIN_UNAVAILABLE while the chain is away, keeps what is planned, and goes on afterwards', async () => {
    const payee = payees.shift()!;
    const link = new MortalLink({ SETTLEMENT_RPC_URL: ['http://127.0.0.1:9'], SETTLEMENT_CHAIN_ID: 31_337, SETTLEMENT_ESCROW: escrow }, localSigner(relayerKey));
    links.push(link);
    await plan(link, payee);
    await expect(new Relayer(link, store, new SenderLock(dataSource), clock, unlimited).round()).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
    expect((await row(payee)).state).toBe('planned');
    await settleDown(start().relayer, payee);
  });
});
