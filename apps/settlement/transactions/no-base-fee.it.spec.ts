import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Transaction, Wallet, ZeroAddress } from 'ethers';
import type { DataSource } from 'typeorm';
import { SystemClock, SystemIds } from '#kernel';
import { connect, deployEscrow, deployTestDollar, escrowCalls, localSigner } from '#chain';
import { askChain } from '#local';
import { createDataSource, migrate } from '#service';
import { anvilKeys, createTestDatabase, mine, startAnvil, startRpcProxy } from '#testing';
import type { Anvil, RpcProxy, TestDatabase } from '#testing';
import { ChainLink } from '../chain/chain-link.js';
import { settlement } from '../settlement.service-definition.js';
import type { ForeignUse } from './foreign-use.service.js';
import { Relayer, replaceMs } from './relayer.service.js';
import { SenderLock } from './sender-lock.js';
import { TransactionStore } from './transaction.store.js';

class ShiftedClock extends SystemClock {
  shiftMs = 0;
  override nowMs(): number {
    return super.nowMs() + this.shiftMs;
  }
}

const foreign = { note: () => Promise.reject(new Error('no nonce is used elsewhere')) } as unknown as ForeignUse;

/** What came of a call: its bytes, oldest first, and what it cost. */
interface Outcome {
  readonly state: string;
  readonly raws: readonly string[];
  readonly spentWei: string | null;
}

describe('the relayer on a chain without a base fee', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let store: TransactionStore;
  const opened: { close(): void }[] = [];

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await createTestDatabase({ service: 'settlement' });
    await migrate(settlement, database.ownerUrl);
    dataSource = await createDataSource(database.url, 'settlement').initialize();
    store = new TransactionStore(dataSource, new SystemIds(new SystemClock()));
  });
  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });
  afterEach(() => opened.splice(0).forEach((link) => link.close()));

  function start(rpcUrl: string, key: string, escrow: string, feeGweiMax = 500): { link: ChainLink; relayer: Relayer; clock: ShiftedClock } {
    const link = new ChainLink({ SETTLEMENT_RPC_URL: [rpcUrl], SETTLEMENT_CHAIN_ID: 31_337, SETTLEMENT_ESCROW: escrow }, localSigner(key));
    opened.push(link);
    const clock = new ShiftedClock();
    return { link, clock, relayer: new Relayer(link, store, new SenderLock(dataSource), foreign, clock, { SETTLEMENT_FEE_GWEI_MAX: feeGweiMax, SETTLEMENT_GAS_WEI_PER_DAY: 10n ** 24n, X402_GAS_PERCENT: 25 }) };
  }

  async function outcome(subject: string): Promise<Outcome> {
    const rows = await dataSource.query<Outcome[]>(
      `SELECT state, gas_wei_spent AS "spentWei", (SELECT coalesce(json_agg(raw ORDER BY number), '[]') FROM settlement.attempts a WHERE a.transaction = t.id) AS raws FROM settlement.transactions t WHERE subject = $1`,
      [subject],
    );
    return rows[0]!;
  }

  async function settleDown(relayer: Relayer, rpcUrl: string, subject: string): Promise<Outcome> {
    for (let round = 0; round < 20 && (await outcome(subject)).state !== 'final'; round++) {
      await relayer.round();
      await mine(rpcUrl, 1);
    }
    return outcome(subject);
  }

  describe('whose nodes follow the rules from before EIP-1559', () => {
    let anvil: Anvil;
    beforeAll(async () => {
      anvil = await startAnvil({ hardfork: 'berlin' });
    });
    afterAll(() => anvil.stop());

    it('sends transactions of type 0 for this chain alone, replaces one that stays unmined by one of a gas price an eighth above, and knows what it cost', async () => {
      const { link, relayer, clock } = start(anvil.rpcUrl, anvilKeys[3], ZeroAddress);
      const payee = Wallet.createRandom().address;
      await askChain(anvil.rpcUrl, 'evm_setAutomine', [false]);
      await store.plan(dataSource.manager, link, { purpose: 'register', subject: payee, target: payee, data: '0x' });
      await relayer.round();
      clock.shiftMs = replaceMs + 1;
      await relayer.round();
      const { raws } = await outcome(payee);
      const [first, second] = raws.map((raw) => Transaction.from(raw));
      expect([first, second]).toMatchObject([{ type: 0, chainId: 31_337n, nonce: 0 }, { type: 0, chainId: 31_337n, nonce: 0 }]);
      expect(first!.gasPrice).toBe(BigInt(await askChain<string>(anvil.rpcUrl, 'eth_gasPrice')));
      expect(second!.gasPrice! * 8n >= first!.gasPrice! * 9n).toBe(true);
      await askChain(anvil.rpcUrl, 'evm_setAutomine', [true]);
      expect(await settleDown(relayer, anvil.rpcUrl, payee)).toMatchObject({ state: 'final', spentWei: (21_000n * second!.gasPrice!).toString() });
      expect(await link.receipt(first!.hash!)).toBeNull();
    });

    it('waits while the gas price is above what gas may cost', async () => {
      const { link, relayer } = start(anvil.rpcUrl, anvilKeys[4], ZeroAddress, 1);
      await store.plan(dataSource.manager, link, { purpose: 'register', subject: 'dear', target: ZeroAddress, data: '0x' });
      expect((await link.fees()).maxFeePerGas).toBeGreaterThan(10n ** 9n);
      await relayer.round();
      expect(await outcome('dear')).toMatchObject({ state: 'planned', raws: [] });
    });

    it('cannot be one whose machine is as old: the contracts need Cancun', async () => {
      const provider = connect(anvil.rpcUrl, 31_337n);
      await expect(deployTestDollar(new Wallet(anvilKeys[0], provider))).rejects.toThrow();
      provider.destroy();
    });
  });

  describe('whose machine is up to date', () => {
    let anvil: Anvil;
    let proxy: RpcProxy;
    let escrow: string;
    beforeAll(async () => {
      anvil = await startAnvil();
      const provider = connect(anvil.rpcUrl, 31_337n);
      const deployer = new Wallet(anvilKeys[0], provider);
      escrow = await deployEscrow(deployer, { token: await deployTestDollar(deployer), unit: 1n, thawSeconds: 60n });
      provider.destroy();
      proxy = await startRpcProxy(() => anvil.rpcUrl);
      const without = (result: unknown, field: string): unknown => (result === null ? undefined : Object.fromEntries(Object.entries(result as object).filter(([name]) => name !== field)));
      proxy.twist = ({ method }, result) => (method === 'eth_getBlockByNumber' ? without(result, 'baseFeePerGas') : method === 'eth_getTransactionReceipt' ? without(result, 'effectiveGasPrice') : undefined);
    });
    afterAll(async () => {
      await proxy.stop();
      await anvil.stop();
    });

    it('reaches the escrow by transactions of type 0, and counts their gas though no receipt says its price', async () => {
      const { link, relayer } = start(proxy.url, anvilKeys[2], escrow);
      const payee = Wallet.createRandom().address;
      await store.plan(dataSource.manager, link, { purpose: 'register', subject: payee, target: escrow, data: escrowCalls.register(payee) });
      const { state, raws, spentWei } = await settleDown(relayer, anvil.rpcUrl, payee);
      const sent = Transaction.from(raws[0]);
      const { gasUsed } = (await link.receipt(sent.hash!))!;
      expect({ state, type: sent.type, spentWei }).toEqual({ state: 'final', type: 0, spentWei: (gasUsed * sent.gasPrice!).toString() });
      expect(await link.escrow.indexOf(payee)).not.toBeNull();
    });
  });
});
