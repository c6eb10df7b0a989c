import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Wallet } from 'ethers';
import { register } from 'prom-client';
import type { DataSource } from 'typeorm';
import { SystemClock, SystemIds } from '#kernel';
import { connect, deployEscrow, deployTestDollar, escrowCalls, localSigner } from '#chain';
import { askChain } from '#local';
import { failure } from '#protocol';
import { createDataSource, migrate } from '#service';
import { anvilKeys, createTestDatabase, lacks, mine, startAnvil, startRpcProxy } from '#testing';
import type { Anvil, TestDatabase } from '#testing';
import { ChainLink } from '../chain/chain-link.js';
import type { Broadcast } from '../chain/chain-link.js';
import type { ChangeRecords } from '../changes/change-records.service.js';
import { settlement } from '../settlement.service-definition.js';
import { ForeignUse } from './foreign-use.service.js';
import { Relayer, replaceMs, resendMs } from './relayer.service.js';
import { SenderLock } from './sender-lock.js';
import { TransactionStore } from './transaction.store.js';

const relayerKey = anvilKeys[3];
const payees = Array.from({ length: 29 }, () => Wallet.createRandom().address);

const unlimited = { SETTLEMENT_FEE_GWEI_MAX: 500, SETTLEMENT_GAS_WEI_PER_DAY: 10n ** 24n, X402_GAS_PERCENT: 25 };

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

  /** Of which the endpoints say different things. */
  unclear: string | null = null;

  /** Nobody signs. */
  isKeeperAway = false;

  override sign(call: Parameters<ChainLink['sign']>[0]): ReturnType<ChainLink['sign']> {
    return this.isKeeperAway ? Promise.reject(failure('SERVICE_UNAVAILABLE', 'the keeper of the key does not answer')) : super.sign(call);
  }

  /** What happens once, when the chain is asked for a receipt. */
  onLook: (() => Promise<void>) | undefined;

  override async receipt(hash: string): ReturnType<ChainLink['receipt']> {
    const onLook = this.onLook;
    this.onLook = undefined;
    await onLook?.();
    if (hash === this.unclear) throw failure('CHAIN_UNAVAILABLE', 'the endpoints disagree');
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
  /** What was said of the key's use by others. */
  let said: unknown[];
  const changes = { ofDeployment: (_manager: unknown, ...what: unknown[]) => Promise.resolve(void said.push(what)) };
  const foreign = new ForeignUse(changes as unknown as ChangeRecords);

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
  });

  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
    await anvil.stop();
  });

  beforeEach(() => {
    links = [];
    clock = new ShiftedClock();
    said = [];
  });

  afterEach(async () => {
    links.forEach((link) => link.close());
    await askChain(anvil.rpcUrl, 'evm_setAutomine', [true]);
  });

  /** A new process: nothing in memory, the same database and chain. */
  function start(limits = unlimited, rpcUrl = anvil.rpcUrl): { link: MortalLink; relayer: Relayer } {
    const link = new MortalLink({ SETTLEMENT_RPC_URL: [rpcUrl], SETTLEMENT_CHAIN_ID: 31_337, SETTLEMENT_ESCROW: escrow }, localSigner(relayerKey));
    links.push(link);
    return { link, relayer: new Relayer(link, store, new SenderLock(dataSource), foreign, clock, limits) };
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

  it('does not make the same bytes dearer because a reorganisation came late', async () => {
    const payee = payees.shift()!;
    const { link, relayer } = start();
    await plan(link, payee);
    await relayer.round();
    await relayer.round();
    await askChain(anvil.rpcUrl, 'evm_setAutomine', [false]);
    await askChain(anvil.rpcUrl, 'anvil_reorg', [1, []]);
    await dataSource.query(`UPDATE settlement.attempts SET first_sent_at = now() - interval '1 hour'`);
    await relayer.round();
    await relayer.round();
    expect(await row(payee)).toMatchObject({ state: 'broadcast', hashes: [expect.any(String)] });
    await settleDown(relayer, payee);
    expect((await row(payee)).hashes).toHaveLength(1);
  });

  it('looks for what was final when finality is broken, and sends the same bytes again', async () => {
    const payee = payees.shift()!;
    const { link, relayer } = start();
    await plan(link, payee);
    await settleDown(relayer, payee);
    const { hashes } = await row(payee);
    const { blockNumber } = (await link.receipt(hashes[0]!))!;
    const head = Number(await askChain<string>(anvil.rpcUrl, 'eth_blockNumber'));
    await askChain(anvil.rpcUrl, 'anvil_reorg', [head - blockNumber + 1, []]);
    expect(await link.escrow.indexOf(payee)).toBeNull();
    expect(await store.reopen(dataSource.manager, link, blockNumber + 1)).toBe(0);
    expect(await store.reopen(dataSource.manager, link, blockNumber)).toBe(1);
    await settleDown(relayer, payee);
    expect((await row(payee)).hashes).toEqual(hashes);
    expect(await link.escrow.indexOf(payee)).not.toBeNull();
  });

  it('makes only the bytes dearer that are next: those behind wait for them', async () => {
    const [payee, behind] = [payees.shift()!, payees.shift()!];
    const { link, relayer } = start();
    await askChain(anvil.rpcUrl, 'evm_setAutomine', [false]);
    await plan(link, payee);
    await plan(link, behind);
    await relayer.round();
    clock.shiftMs = replaceMs + 1;
    await relayer.round();
    expect((await row(payee)).hashes).toHaveLength(2);
    expect((await row(behind)).hashes).toHaveLength(1);
    await askChain(anvil.rpcUrl, 'evm_setAutomine', [true]);
    await settleDown(relayer, payee);
    await settleDown(relayer, behind);
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
    // It was sent again and again meanwhile: that makes it no younger.
    await dataSource.query('UPDATE settlement.attempts SET sent_at = to_timestamp($1) WHERE hash = $2', [clock.nowMs() / 1_000, hash]);
    await start({ ...unlimited, SETTLEMENT_GAS_WEI_PER_DAY: 1n }).relayer.round();
    expect((await row(payee)).hashes).toHaveLength(1);
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
    const { error, nonce } = await row(payee);
    expect(error).toContain('foreign');
    expect(said).toEqual([['relayer.foreign-use', expect.any(String), { relayer: link.sender, chainId: '31337', nonce: Number(nonce), purpose: 'register' }]]);
    expect(await register.getSingleMetricAsString('mizan_settlement_foreign_nonces_total')).toContain('_total 1');
    await plan(link, other);
    await settleDown(relayer, other);
  });

  it('sends over nodes that suggest no tip, and takes no refusal of the kind of transaction for having it already', async () => {
    const payee = payees.shift()!;
    const proxy = await startRpcProxy(() => anvil.rpcUrl);
    proxy.refuse = lacks('eth_maxPriorityFeePerGas');
    try {
      const { link, relayer } = start(unlimited, proxy.url);
      await plan(link, payee);
      await settleDown(relayer, payee);
      proxy.refuse = ({ method }) => (method === 'eth_sendRawTransaction' ? { code: -32_000, message: 'unknown transaction type' } : undefined);
      expect(await link.broadcast(link.sent[0]!)).toEqual({ outcome: 'refused', message: 'unknown transaction type' });
    } finally {
      await proxy.stop();
    }
  });

  it('spends no more on gas in a day than it may, nor more for a unit: what is too dear waits without a nonce', async () => {
    const payee = payees.shift()!;
    const spent = BigInt((await dataSource.query<{ wei: string }[]>('SELECT sum(coalesce(gas_wei_spent, gas_wei_bound)) AS wei FROM settlement.transactions'))[0]!.wei);
    expect(spent).toBeGreaterThan(0n);
    const { link, relayer } = start({ ...unlimited, SETTLEMENT_GAS_WEI_PER_DAY: spent + 1n });
    await plan(link, payee);
    await relayer.round();
    expect(await row(payee)).toMatchObject({ state: 'planned', nonce: null, error: expect.stringContaining('SETTLEMENT_GAS_WEI_PER_DAY') });
    const purposeIs = (purpose: string): Promise<unknown> => dataSource.query(`UPDATE settlement.transactions SET purpose = $2 WHERE subject = $1`, [payee, purpose]);
    await purposeIs('x402');
    await start({ ...unlimited, X402_GAS_PERCENT: 0 }).relayer.round();
    expect(await row(payee)).toMatchObject({ state: 'planned', nonce: null, error: expect.stringContaining('X402_GAS_PERCENT') });
    await purposeIs('register');
    await askChain(anvil.rpcUrl, 'anvil_setNextBlockBaseFeePerGas', ['0x2540be400']);
    await mine(anvil.rpcUrl, 1);
    await start({ ...unlimited, SETTLEMENT_FEE_GWEI_MAX: 1 }).relayer.round();
    expect(await row(payee)).toMatchObject({ state: 'planned', nonce: null, error: expect.stringContaining('SETTLEMENT_FEE_GWEI_MAX') });
    await settleDown(start().relayer, payee);
    expect((await row(payee)).error).toBeNull();
  });

  it('sends what is planned before it looks at what is on its way, and what is planned while it looks in the same round', async () => {
    const [underWay, planned, late] = payees.splice(0, 3) as [string, string, string];
    const { link, relayer } = start();
    await askChain(anvil.rpcUrl, 'evm_setAutomine', [false]);
    await plan(link, underWay);
    await relayer.round();
    await plan(link, planned);
    let sentBefore = 0;
    link.onLook = async () => {
      sentBefore = link.sent.length;
      await plan(link, late);
      relayer.kick();
    };
    await relayer.round();
    expect(sentBefore).toBe(2);
    expect(await Promise.all([underWay, planned, late].map(async (payee) => (await row(payee)).state))).toEqual(['broadcast', 'broadcast', 'broadcast']);
    const nonces = await Promise.all([underWay, planned, late].map(async (payee) => Number((await row(payee)).nonce)));
    expect(nonces).toEqual([0, 1, 2].map((more) => nonces[0]! + more));
    await askChain(anvil.rpcUrl, 'evm_setAutomine', [true]);
    for (const payee of [underWay, planned, late]) await settleDown(relayer, payee);
  });

  it('leaves room for the gas of those before when several are sent in one round', async () => {
    const [second, third] = payees.splice(0, 2) as [string, string];
    const { link, relayer } = start();
    const before = await askChain<string>(anvil.rpcUrl, 'eth_getBalance', [link.sender, 'latest']);
    await plan(link, second);
    await plan(link, third);
    // Enough for one and a half.
    const costWeiMax = (await link.gasLimit(escrow, escrowCalls.register(second))) * (await link.fees()).maxFeePerGas;
    await askChain(anvil.rpcUrl, 'anvil_setBalance', [link.sender, `0x${((costWeiMax * 3n) / 2n).toString(16)}`]);
    await relayer.round();
    expect((await row(second)).nonce).not.toBeNull();
    expect(await row(third)).toMatchObject({ state: 'planned', nonce: null, error: expect.stringContaining('too few coins') });
    await askChain(anvil.rpcUrl, 'anvil_setBalance', [link.sender, before]);
    for (const payee of [second, third]) await settleDown(relayer, payee);
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

  it('carries the others on while the endpoints disagree on one', async () => {
    const [payee, other] = [payees.shift()!, payees.shift()!];
    const { link, relayer } = start();
    await plan(link, payee);
    await relayer.round();
    link.unclear = (await row(payee)).hashes[0]!;
    await plan(link, other);
    for (let round = 0; round < 8; round++) {
      await expect(relayer.round()).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
      await mine(anvil.rpcUrl, 1);
    }
    expect([(await row(payee)).state, (await row(other)).state]).toEqual(['broadcast', 'final']);
    link.unclear = null;
    await settleDown(relayer, payee);
  });

  it('looks at what is on its way while the keeper of its key does not answer', async () => {
    const [underWay, planned] = [payees.shift()!, payees.shift()!];
    const { link, relayer } = start();
    await plan(link, underWay);
    await relayer.round();
    await plan(link, planned);
    link.isKeeperAway = true;
    for (let round = 0; round < 8; round++) {
      await expect(relayer.round()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
      await mine(anvil.rpcUrl, 1);
    }
    expect([(await row(underWay)).state, (await row(planned)).state]).toEqual(['final', 'planned']);
    link.isKeeperAway = false;
    await settleDown(relayer, planned);
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
    await expect(new Relayer(link, store, new SenderLock(dataSource), foreign, clock, unlimited).round()).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
    expect((await row(payee)).state).toBe('planned');
    await settleDown(start().relayer, payee);
  });
});
