import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Interface, Wallet } from 'ethers';
import type { TransactionReceipt } from 'ethers';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import { SystemClock, SystemIds } from '#kernel';
import { connect, deployEscrow, deployTestDollar, depositTestDollars, escrowCalls, localSigner, sendCall, tokenCalls } from '#chain';
import { askChain } from '#local';
import { Outbox } from '#messaging';
import type { Caller, Replicas } from '#messaging';
import { settlementEvents, walletEvents } from '#protocol';
import type { WalletInBooks } from '#protocol';
import { createDataSource, migrate, withTenant } from '#service';
import { anvilKeys, createTestDatabase, mine, startAnvil, startRpcProxy } from '#testing';
import type { Anvil, RpcProxy, TestDatabase } from '#testing';
import type { PayerGate } from '../admission/payer-gate.service.js';
import { AnchorStore } from '../anchors/anchor.store.js';
import type { ChangeRecords } from '../changes/change-records.service.js';
import { ChainEventStore } from '../chain-events/chain-event.store.js';
import { DepositReversals } from '../chain-events/deposit-reversals.service.js';
import { Finality } from '../chain-events/finality.service.js';
import { DepositMoves } from '../chain-events/deposit-moves.service.js';
import { MoneyMoves } from '../chain-events/money-moves.service.js';
import type { SettledRecord } from '../chain-events/settled-record.js';
import { Watcher } from '../chain-events/watcher.service.js';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { DepositStore } from '../deposits/deposit.store.js';
import { DepositsService } from '../deposits/deposits.service.js';
import { StatementStore } from '../epochs/statement.store.js';
import { PayeeStore } from '../payees/payee.store.js';
import { PaidDebts } from '../exposure/paid-debts.store.js';
import { PayerStore } from '../payers/payer.store.js';
import { LogRecords } from '../records/log-records.service.js';
import { TransactionStore } from '../transactions/transaction.store.js';
import { settlement } from '../settlement.service-definition.js';
import { WalletComparison } from '../wallets/wallet-comparison.service.js';
import { WalletReader } from '../wallets/wallet-reader.service.js';
import { WalletStore } from '../wallets/wallet.store.js';
import { WalletTeller } from '../wallets/wallet-teller.service.js';
import { WalletTransferStore } from '../wallets/wallet-transfer.store.js';
import { looksMax, ReconciliationService } from './reconciliation.service.js';
import { ReconciliationStore } from './reconciliation.store.js';

const ids = new SystemIds(new SystemClock());
const tenant = '0198c0de-0000-7000-8000-00000000000a';
const other = '0198c0de-0000-7000-8000-00000000000b';
const config = { SETTLEMENT_START_BLOCK: 0, SETTLEMENT_RECONCILE_MS: 10 } as SettlementConfig & { X402_PAY_TO?: string };
const erc20 = new Interface(['function transfer(address to, uint256 amount) returns (bool)']);

/** A posting on a wallet's account. */
interface WalletPosting {
  readonly units: bigint;
  readonly isSale: boolean;
  readonly block: number;
}

class ShiftedClock extends SystemClock {
  shiftMs = 0;
  override nowMs(): number {
    return super.nowMs() + this.shiftMs;
  }
  override monotonicMs(): number {
    return super.monotonicMs() + this.shiftMs;
  }
}

describe('comparing every unit of the token', () => {
  let anvil: Anvil;
  let endpoint: RpcProxy;
  let database: TestDatabase;
  let dataSource: DataSource;
  let link: ChainLink;
  let payer: Wallet;
  let anybody: Wallet;
  let token: string;
  let watcher: Watcher;
  let reconciliation: ReconciliationService;
  let finality: Finality;
  let reversals: DepositReversals;
  let deposits: DepositsService;
  const clock = new ShiftedClock();
  const books = { currency: 'TUSD6', nanosPerUnit: 1_000n, escrowUnits: 0n, depositUnits: 0n, creditUnits: 0n };
  const book = (units: bigint): void => void Object.assign(books, { escrowUnits: books.escrowUnits + units, depositUnits: books.depositUnits + units });

  /** Sales as the books have them; what else moved a wallet is in the outbox, once for each move. */
  const sales: WalletPosting[] = [];
  const moves = async (): Promise<(WalletPosting & { of: 'sale' | 'other'; counterparty: string; payment: string | null })[]> => {
    const rows = await dataSource.query<{ payload: string }[]>('SELECT payload FROM settlement.outbox WHERE subject = $1 ORDER BY id', [walletEvents.moved.subject]);
    return rows.map(({ payload }) => z.decode(walletEvents.moved.payload, JSON.parse(payload) as never)).map((move) => ({ ...move, isSale: move.of === 'sale', block: move.at.blockNumber }));
  };
  const walletInBooks = async ({ address, block }: { address: string; block: number }): Promise<WalletInBooks> => {
    const postings = [...sales, ...(await moves())];
    const sum = (of: readonly WalletPosting[]): bigint => of.reduce((total, { units }) => total + units, 0n);
    const upTo = postings.filter((posting) => posting.block <= block);
    return { address, saleUnits: sum(upTo.filter(({ isSale }) => isSale)), otherUnits: sum(upTo.filter(({ isSale }) => !isSale)), heldUnits: sum(postings), movedUnits: sum(postings) };
  };

  beforeAll(async () => {
    Logger.overrideLogger(false);
    [anvil, database] = await Promise.all([startAnvil(), createTestDatabase({ service: 'settlement' })]);
    endpoint = await startRpcProxy(() => anvil.rpcUrl);
    await migrate(settlement, database.ownerUrl);
    dataSource = await createDataSource(database.url, 'settlement').initialize();
    const provider = connect(anvil.rpcUrl, 31_337n);
    [anybody, payer] = [new Wallet(anvilKeys[0], provider), new Wallet(anvilKeys[1], provider)];
    token = await deployTestDollar(anybody);
    const escrow = await deployEscrow(anybody, { token, unit: 1n, thawSeconds: 1n });
    link = new ChainLink({ SETTLEMENT_RPC_URL: [endpoint.url], SETTLEMENT_CHAIN_ID: 31_337, SETTLEMENT_ESCROW: escrow }, localSigner(anvilKeys[3]));
    const outbox = new Outbox('settlement', ids);
    const moves = new MoneyMoves(outbox, new LogRecords({ view: () => Promise.resolve(new Map()) } as unknown as Replicas, new SystemClock()), link, ids);
    const everybody = { require: () => Promise.resolve(), refusal: () => Promise.resolve(null) } as unknown as PayerGate;
    finality = new Finality(dataSource, link, new ChainEventStore(), new PayeeStore(dataSource), new TransactionStore(dataSource, ids));
    watcher = new Watcher(config, dataSource, link, new ChainEventStore(), new PayerStore(), new StatementStore(), new AnchorStore(), {} as SettledRecord, {} as ChangeRecords, moves, outbox, new DepositMoves(dataSource, everybody, new ChainEventStore(), new PayerStore(), moves, {} as ChangeRecords, outbox, ids, clock), finality, new PaidDebts());
    reversals = new DepositReversals(config, dataSource, link, new ChainEventStore(), moves, outbox);
    const caller = { call: async (_call: unknown, { wallets }: { wallets: { address: string; block: number }[] }) => ({ ...books, wallets: await Promise.all(wallets.map(walletInBooks)) }) } as unknown as Caller;
    const [wallets, transfers] = [new WalletStore(), new WalletTransferStore()];
    const teller = new WalletTeller(dataSource, link, wallets, transfers, new LogRecords({ view: () => Promise.resolve(new Map()) } as unknown as Replicas, new SystemClock()), outbox, ids);
    const comparison = new WalletComparison(config, dataSource, link, new WalletReader(config, dataSource, link, wallets, teller), wallets, transfers);
    reconciliation = new ReconciliationService(config, dataSource, caller, link, new ChainEventStore(), new ReconciliationStore(), comparison, outbox, ids, clock);
    deposits = new DepositsService(config, dataSource, link, new ChainEventStore(), new PayerStore(), new DepositStore());
    await withTenant(dataSource, '*', (manager) => new PayerStore().put(manager, { tenant, address: payer.address, jurisdiction: null }));
  });

  afterAll(async () => {
    link.close();
    payer.provider?.destroy();
    await dataSource.destroy();
    await database.drop();
    await endpoint.stop();
    await anvil.stop();
  });

  const published = async (like: string, subject = 'mizan.record.settlement'): Promise<number> => (await dataSource.query<unknown[]>('SELECT 1 FROM settlement.outbox WHERE payload LIKE $1 AND subject = $2', [`%${like}%`, subject])).length;
  const confirmed = (units: number): Promise<number> => published(`"units":"${units}"`, settlementEvents.depositConfirmed.subject);
  const readOn = async (): Promise<void> => {
    await mine(anvil.rpcUrl, 3);
    await watcher.round();
  };
  /** Looks as often as a round may take. */
  const compared = async (): ReturnType<ReconciliationService['last']> => {
    clock.shiftMs += 1_000;
    for (let look = 0; look < looksMax; look += 1) await reconciliation.round();
    return reconciliation.last(null);
  };

  it('says so when nothing was compared yet', async () => {
    await expect(reconciliation.last(null)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('finds that all agree, and says it in the log once', async () => {
    await depositTestDollars(payer, link.escrow.address, 1_000n);
    await readOn();
    book(1_000n);
    const found = await compared();
    expect(found).toMatchObject({ agrees: true, differences: [], totals: { heldBaseUnits: 1_000n, surplusBaseUnits: 0n, depositUnits: 1_000n, ledgerDepositUnits: 1_000n } });
    expect(found.payers).toMatchObject([{ address: payer.address, tenant, depositedUnits: 1_000n, availableUnits: 1_000n, thawingUnits: 0n, creditedUnits: 0n }]);
    await compared();
    expect(await published('tokens.reconciled')).toBe(1);
  });

  it('reads events again that an endpoint kept back, each once', async () => {
    await sendCall(payer, link.escrow.address, escrowCalls.thaw(100n));
    endpoint.twist = ({ method }) => (method === 'eth_getLogs' ? [] : undefined);
    await depositTestDollars(payer, link.escrow.address, 500n);
    await readOn();
    endpoint.twist = null;
    expect(await confirmed(500)).toBe(0);
    clock.shiftMs += 1_000;
    await reconciliation.round();
    await watcher.round();
    book(500n);
    expect(await compared()).toMatchObject({ agrees: true, totals: { depositUnits: 1_500n }, payers: [{ thawingUnits: 100n }] });
    expect([await confirmed(500), await confirmed(1_000)]).toEqual([1, 1]);
    expect(await published('tokens.reconciled')).toBe(1);
  });

  it('names what differs for as long as it does, in the log once, and to whom it concerns', async () => {
    book(-1n);
    const found = await compared();
    expect(found).toMatchObject({ agrees: false, differences: [{ kind: 'deposits_not_ledger', subject: link.escrow.address, tenant: null, detail: '1500 units on chain, 1499 in the books' }, { kind: 'escrow_not_ledger' }] });
    const again = await compared();
    expect(again.differences).toEqual(found.differences);
    expect(again.comparedAtMs).toBeGreaterThan(found.comparedAtMs);
    expect(await published('tokens.reconciled')).toBe(2);
    expect(await reconciliation.last(tenant)).toMatchObject({ agrees: true, totals: null, payers: [{ address: payer.address }], differences: [] });
    expect(await reconciliation.last(other)).toMatchObject({ totals: null, payers: [] });
    book(1n);
    expect(await compared()).toMatchObject({ agrees: true });
    expect(await published('tokens.reconciled')).toBe(3);
  });

  it('does not call a difference what is on its way to the books, nor a gift to the escrow', async () => {
    await depositTestDollars(payer, link.escrow.address, 70n);
    await sendCall(anybody, token, tokenCalls.mint(link.escrow.address, 9n));
    await readOn();
    clock.shiftMs += 1_000;
    for (let look = 1; look < looksMax; look += 1) await reconciliation.round();
    book(70n);
    await reconciliation.round();
    expect(await reconciliation.last(null)).toMatchObject({ agrees: true, totals: { depositUnits: 1_570n, surplusBaseUnits: 9n } });
    expect(await published('tokens.reconciled')).toBe(3);
  });

  it('shows deposits with their blocks, the newest as not final, and pages through them', async () => {
    await depositTestDollars(payer, link.escrow.address, 3n);
    const all = await deposits.page({ tenant, limit: 50 });
    expect(all.data.map(({ units, isFinal }) => [units, isFinal])).toEqual([[3n, false], [70n, true], [500n, true], [1_000n, true]]);
    expect(all.data[0]!.at.blockNumber).toBeGreaterThan(all.finalBlock);
    expect(all.block).toBeGreaterThanOrEqual(all.data[0]!.at.blockNumber);
    const first = await deposits.page({ tenant: null, limit: 2 });
    expect(first).toMatchObject({ hasMore: true, data: all.data.slice(0, 2) });
    const { blockNumber, logIndex } = first.data[1]!.at;
    expect(await deposits.page({ tenant: null, limit: 2, after: `${blockNumber}:${logIndex}` })).toMatchObject({ hasMore: false, data: all.data.slice(2) });
    expect((await deposits.page({ tenant: other, limit: 50 })).data).toEqual([]);
    await expect(deposits.page({ tenant, limit: 1, after: 'x' })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await readOn();
    expect((await deposits.page({ tenant, limit: 1 })).data).toMatchObject([{ units: 3n, isFinal: true }]);
  });

  it('notices that a final block was taken back, pays nothing for whom it concerns and names the deposit, which counts once when it is in a block again', async () => {
    const before = await reconciliation.last(null);
    await depositTestDollars(payer, link.escrow.address, 777n);
    const number = Number(await askChain<string>(anvil.rpcUrl, 'eth_blockNumber'));
    const { transactions } = await askChain<{ transactions: string[] }>(anvil.rpcUrl, 'eth_getBlockByNumber', [`0x${number.toString(16)}`, false]);
    const raw = await askChain<string>(anvil.rpcUrl, 'eth_getRawTransactionByHash', [transactions[0]]);
    await readOn();
    expect(await confirmed(777)).toBe(1);
    book(780n);
    expect(await compared()).toMatchObject({ agrees: true });
    await finality.requireStanding(payer.address);

    await askChain(anvil.rpcUrl, 'anvil_reorg', [4, []]);
    await readOn();
    await expect(finality.requireStanding(payer.address)).rejects.toMatchObject({ code: 'FINALITY_BROKEN', message: expect.stringContaining(`Deposited of 777 units (${transactions[0]})`) });
    const found = await compared();
    expect(found.differences).toMatchObject([
      { kind: 'finality_broken', subject: payer.address, tenant, detail: `in no block any more: Deposited of 777 units (${transactions[0]})` },
      { kind: 'deposits_not_ledger', detail: '1573 units on chain, 2350 in the books' },
      { kind: 'escrow_not_ledger' },
    ]);
    expect((await deposits.page({ tenant, limit: 1 })).data).toMatchObject([{ units: 3n, isFinal: true }]);

    await askChain(anvil.rpcUrl, 'eth_sendRawTransaction', [raw]);
    await readOn();
    await finality.requireStanding(payer.address);
    expect(await confirmed(777)).toBe(1);
    expect(await compared()).toMatchObject({ agrees: true, totals: { depositUnits: before.totals!.depositUnits + 780n } });
    expect((await deposits.page({ tenant, limit: 1 })).data).toMatchObject([{ units: 777n, isFinal: true, at: { tx: transactions[0] } }]);
  });

  it('takes a deposit off the books that never comes back, once and as they know it, and counts it anew when it comes after all', async () => {
    type Told = { at: { blockHash: string; tx: string }; reversals?: number };
    const told = async (event: 'depositConfirmed' | 'depositReversed'): Promise<Told[]> => {
      const rows = await dataSource.query<{ payload: string }[]>(`SELECT payload FROM settlement.outbox WHERE subject = $1 AND payload LIKE '%"units":"555"%' ORDER BY id`, [settlementEvents[event].subject]);
      return rows.map(({ payload }) => JSON.parse(payload) as Told);
    };
    const ask = <T>(method: string, ...parameters: unknown[]): Promise<T> => askChain<T>(anvil.rpcUrl, method, parameters);
    const head = async (): Promise<number> => Number(await ask<string>('eth_blockNumber'));
    const { hash } = await depositTestDollars(payer, link.escrow.address, 555n);
    const raw = await ask<string>('eth_getRawTransactionByHash', hash);
    const pending = { ...(await ask<object>('eth_getTransactionByHash', hash)), blockHash: null, blockNumber: null, transactionIndex: null };
    await readOn();
    const lose = async (): Promise<void> => {
      const { blockNumber } = await ask<{ blockNumber: string }>('eth_getTransactionByHash', hash);
      await ask('anvil_reorg', (await head()) - Number(blockNumber) + 1, []);
      await readOn();
    };
    const giveUp = async (): Promise<void> => {
      await mine(anvil.rpcUrl, 70);
      await watcher.round();
      await reversals.round();
    };
    // Back in another block before it is given up: the books are told nothing, and know it by its first.
    await lose();
    await ask('eth_sendRawTransaction', raw);
    await readOn();
    book(555n);
    expect(await compared()).toMatchObject({ agrees: true });
    await lose();
    await expect(finality.requireStanding(payer.address)).rejects.toMatchObject({ code: 'FINALITY_BROKEN' });
    endpoint.twist = ({ method }) => (method === 'eth_getTransactionByHash' ? pending : undefined);
    await giveUp();
    endpoint.twist = null;
    expect(await told('depositReversed')).toEqual([]);
    await Promise.all([reversals.round(), reversals.round()]);
    await reversals.round();
    const [first] = await told('depositConfirmed');
    expect(await told('depositReversed')).toEqual([first]);
    await finality.requireStanding(payer.address);
    book(-555n);
    expect(await compared()).toMatchObject({ agrees: true });
    expect(await published('deposit.reversed')).toBe(1);

    await ask('eth_sendRawTransaction', raw);
    await readOn();
    const [, second, ...none] = await told('depositConfirmed');
    expect([second, none]).toMatchObject([{ reversals: 1, at: { tx: hash } }, []]);
    book(555n);
    expect(await compared()).toMatchObject({ agrees: true });
    // In a block again whose events an endpoint keeps back: its receipt shows it, and it is read after all.
    await lose();
    await ask('eth_sendRawTransaction', raw);
    endpoint.twist = ({ method }) => (method === 'eth_getLogs' ? [] : undefined);
    await giveUp();
    expect(await told('depositReversed')).toEqual([first]);
    endpoint.twist = null;
    await watcher.round();
    await finality.requireStanding(payer.address);
    expect(await told('depositConfirmed')).toEqual([first, second]);
    expect(await compared()).toMatchObject({ agrees: true });
    await lose();
    await giveUp();
    expect(await told('depositReversed')).toEqual([first, second]);
    book(-555n);
    expect(await compared()).toMatchObject({ agrees: true });
  });

  describe('of a wallet where sales are paid', () => {
    const shop = new Wallet(anvilKeys[4]);
    const pay = (from: Wallet, to: string, amount: bigint): Promise<TransactionReceipt> => sendCall(from, token, erc20.encodeFunctionData('transfer', [to, amount]));
    /** A payment as the service has it, in a state; `paid`: by which transaction, which the books were told of. */
    const payment = async (amount: bigint, state: string, paid: TransactionReceipt | null, record: string | null = ids.uuid()): Promise<string> => {
      const id = Wallet.createRandom().privateKey.slice(2);
      const log = paid?.logs[0]?.index ?? null;
      const columns = [id, tenant, record, anybody.address, shop.address, token, amount.toString(), state, paid?.hash ?? null, log, paid?.blockNumber ?? null];
      await withTenant(dataSource, '*', (manager) =>
        manager.query(
          `INSERT INTO settlement.x402_payments (id, tenant, record, payer, pay_to, asset, scheme, payload, amount_max, amount, state, claimed_until, tx, paid_tx, paid_log, paid_block)
           VALUES ($1, $2, $3, $4, $5, $6, 'exact', '{}', $7, $7, $8, now(), $9, $9, $10, $11)`,
          columns,
        ),
      );
      if (state === 'settled' && record !== null) sales.push({ units: amount, isSale: true, block: paid!.blockNumber });
      return id;
    };
    const settle = async (id: string, paid: TransactionReceipt): Promise<void> => {
      await withTenant(dataSource, '*', (manager) => manager.query(`UPDATE settlement.x402_payments SET state = 'settled', tx = $2, paid_tx = $2, paid_log = $3, paid_block = $4 WHERE id = $1`, [id, paid.hash, paid.logs[0]!.index, paid.blockNumber]));
      sales.push({ units: 6n, isSale: true, block: paid.blockNumber });
    };
    const next = async (): ReturnType<typeof compared> => {
      await readOn();
      return compared();
    };

    beforeAll(async () => {
      config.X402_PAY_TO = shop.address;
      await sendCall(anybody, token, tokenCalls.mint(anybody.address, 10_000n));
    });

    it('tells nobody of what came before the first sale, and of all of it then: sales, what came by none, and what was sent away', async () => {
      await pay(anybody, shop.address, 3n);
      expect(await next()).toMatchObject({ agrees: true, wallets: [{ address: shop.address, tenant: null, heldBaseUnits: 3n, openBaseUnits: 3n, transfers: [] }] });
      const [first, second] = [await pay(anybody, shop.address, 40n), await pay(anybody, shop.address, 40n)];
      await payment(40n, 'settled', first);
      const brought = await payment(40n, 'settled', second, null);
      await pay(shop.connect(anybody.provider), anybody.address, 50n);
      await pay(shop.connect(anybody.provider), shop.address, 7n);
      const found = await next();
      expect(found).toMatchObject({
        agrees: true,
        wallets: [{ tenant, heldBaseUnits: 33n, openingBaseUnits: 0n, salesBaseUnits: 40n, otherBaseUnits: 43n, sentBaseUnits: 50n, openBaseUnits: 0n, ledgerSaleUnits: 40n, ledgerOtherUnits: -7n }],
      });
      expect(found.wallets[0]!.transfers).toMatchObject([{ counterparty: anybody.address, baseUnits: -50n, payment: null }, { baseUnits: 40n, tx: second.hash, payment: brought }, { baseUnits: 3n, payment: null }]);
      await next();
      expect((await moves()).map(({ units, of }) => [units, of])).toEqual([[3n, 'other'], [40n, 'other'], [-50n, 'other']]);
      expect(await published('wallet.moved')).toBe(3);
      expect((await reconciliation.last(tenant)).wallets).toHaveLength(1);
      expect((await reconciliation.last(other)).wallets).toEqual([]);
    });

    it('waits with what may be a sale until its payment has ended, and counts it once also when it was told as none', async () => {
      const late = await payment(6n, 'collecting', null);
      const paid = await pay(anybody, shop.address, 6n);
      expect(await next()).toMatchObject({ agrees: true, wallets: [{ openBaseUnits: 6n, salesBaseUnits: 40n }] });
      await settle(late, paid);
      expect(await next()).toMatchObject({ agrees: true, wallets: [{ openBaseUnits: 0n, salesBaseUnits: 46n }] });
      const known = (await moves()).length;
      const unknown = await pay(anybody, shop.address, 6n);
      expect(await next()).toMatchObject({ agrees: true, wallets: [{ salesBaseUnits: 46n, otherBaseUnits: 49n }] });
      await settle(await payment(6n, 'collecting', null), unknown);
      expect(await next()).toMatchObject({ agrees: true, wallets: [{ salesBaseUnits: 52n, otherBaseUnits: 43n }] });
      expect((await moves()).slice(known).map(({ units, of }) => [units, of])).toEqual([[6n, 'other'], [-6n, 'other']]);
    });

    it('names a sale that nobody paid, one unit that the books have too much, and a balance that no transfer explains', async () => {
      const first = await pay(anybody, shop.address, 1n);
      await payment(2n, 'settled', first);
      expect((await next()).differences).toMatchObject([{ kind: 'wallet_not_sales', subject: shop.address, tenant, detail: expect.stringContaining('1 sales of 2 units') }]);
      await withTenant(dataSource, '*', (manager) => manager.query(`UPDATE settlement.x402_payments SET state = 'failed' WHERE amount = 2`));
      expect((await next()).differences).toMatchObject([{ kind: 'wallet_not_ledger', detail: '52 units of sales and -6 of other transfers, 54 and -6 in the books' }]);
      sales.pop();
      expect(await next()).toMatchObject({ agrees: true });

      endpoint.twist = ({ method, params }) => (method === 'eth_getLogs' && JSON.stringify(params).toLowerCase().includes(shop.address.slice(2).toLowerCase()) ? [] : undefined);
      await pay(anybody, shop.address, 500n);
      expect((await next()).differences).toMatchObject([{ kind: 'wallet_not_events', detail: expect.stringMatching(/^(\d+) base units held, \d+ by its transfers$/) }]);
      endpoint.twist = null;
      // It was read again in vain, and is once more when twice as many blocks have passed.
      await mine(anvil.rpcUrl, 20);
      expect(await next()).toMatchObject({ agrees: true });
      expect((await moves()).at(-1)).toMatchObject({ units: 500n, of: 'other' });
    });

    it('takes off the books what the chain took back for good, sale or not, and leaves what came into another block', async () => {
      const [kept, lost, sold] = [await pay(anybody, shop.address, 21n), await pay(anybody, shop.address, 22n), await pay(anybody, shop.address, 23n)];
      const raw = await askChain<string>(anvil.rpcUrl, 'eth_getRawTransactionByHash', [kept.hash]);
      await payment(23n, 'settled', sold);
      expect(await next()).toMatchObject({ agrees: true });
      const told = (await moves()).length;
      const head = Number(await askChain<string>(anvil.rpcUrl, 'eth_blockNumber'));
      await askChain(anvil.rpcUrl, 'anvil_reorg', [head - kept.blockNumber + 1, []]);
      await askChain(anvil.rpcUrl, 'eth_sendRawTransaction', [raw]);
      const broken = await next();
      expect(broken.differences).toMatchObject([{ kind: 'finality_broken', subject: shop.address, detail: expect.stringContaining(`22 base units ${anybody.address} (${lost.hash})`) }]);
      expect(broken.differences[0]!.detail).not.toContain(kept.hash);
      expect(await moves()).toHaveLength(told);

      await mine(anvil.rpcUrl, 70);
      await next();
      expect(await next()).toMatchObject({ agrees: true });
      expect((await moves()).slice(told).map(({ units, of }) => `${of} ${units}`).sort()).toEqual(['other -22', 'sale -23']);
      const [row] = await withTenant(dataSource, '*', (manager) => manager.query<{ state: string; error: string }[]>(`SELECT state, error FROM settlement.x402_payments WHERE tx = $1`, [sold.hash]));
      expect(row).toEqual({ state: 'failed', error: 'transfer_taken_back' });
    });
  });
});
