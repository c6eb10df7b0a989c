import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Wallet } from 'ethers';
import type { JsonRpcProvider } from 'ethers';
import type { DataSource } from 'typeorm';
import { SystemClock, SystemIds } from '#kernel';
import { connect, deployEscrow, deployTestDollar, Escrow, escrowCalls, localSigner, sendCall } from '#chain';
import { askChain } from '#local';
import { Outbox, type Caller } from '#messaging';
import { bodyMatchesEnvelope, parseEnvelope, type LogRecord, type RecordCommit } from '#protocol';
import { createDataSource, migrate } from '#service';
import { anvilKeys, createTestDatabase, mine, startAnvil } from '#testing';
import type { Anvil, TestDatabase } from '#testing';
import type { PayerGate } from '../admission/payer-gate.service.js';
import { ChangeRecords } from '../changes/change-records.service.js';
import { Finality } from '../chain-events/finality.service.js';
import { DepositMoves } from '../chain-events/deposit-moves.service.js';
import { ChainEventStore } from '../chain-events/chain-event.store.js';
import { MoneyMoves } from '../chain-events/money-moves.service.js';
import { SettledRecord } from '../chain-events/settled-record.js';
import { Watcher } from '../chain-events/watcher.service.js';
import { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { StatementStore } from '../epochs/statement.store.js';
import { Delegates } from '../payers/delegates.service.js';
import { PayerKeys } from '../payers/payer-keys.js';
import { PayeeStore } from '../payees/payee.store.js';
import { PaidDebts } from '../exposure/paid-debts.store.js';
import { PayerStore } from '../payers/payer.store.js';
import { PayersService } from '../payers/payers.service.js';
import { LogRecords } from '../records/log-records.service.js';
import { settlement } from '../settlement.service-definition.js';
import type { ForeignUse } from '../transactions/foreign-use.service.js';
import { Relayer } from '../transactions/relayer.service.js';
import { SenderLock } from '../transactions/sender-lock.js';
import { TransactionStore } from '../transactions/transaction.store.js';
import { anchorStep, type OperatorAnchor } from './anchor.js';
import { AnchorStore } from './anchor.store.js';
import { EmptyStatements } from './empty-statements.service.js';
import { OperatorAnchors } from './operator-anchors.service.js';

const hourMs = 3_600_000;
const operator = new Wallet(anvilKeys[2]);
const delegate = new Wallet(anvilKeys[4]);

class SetClock extends SystemClock {
  atMs = Date.now();
  override nowMs(): number {
    return this.atMs;
  }
}

describe('the anchors of the operator', () => {
  const clock = new SetClock();
  const ids = new SystemIds(new SystemClock());
  let anvil: Anvil;
  let database: TestDatabase;
  let dataSource: DataSource;
  let config: SettlementConfig;
  let link: ChainLink;
  let provider: JsonRpcProvider;
  let escrow: Escrow;
  /** The log as governance tells of it. */
  let head = { size: 7, root: 'ab'.repeat(32) };

  beforeAll(async () => {
    Logger.overrideLogger(false);
    [anvil, database] = await Promise.all([startAnvil(), createTestDatabase({ service: 'settlement' })]);
    await migrate(settlement, database.ownerUrl);
    dataSource = await createDataSource(database.url, 'settlement').initialize();
    provider = connect(anvil.rpcUrl, 31_337n);
    const deployer = new Wallet(anvilKeys[0], provider);
    escrow = new Escrow(await deployEscrow(deployer, { token: await deployTestDollar(deployer), unit: 1n, thawSeconds: 60n }), provider);
    config = {
      SETTLEMENT_RPC_URL: [anvil.rpcUrl], SETTLEMENT_CHAIN_ID: 31_337, SETTLEMENT_ESCROW: escrow.address, SETTLEMENT_START_BLOCK: 0,
      SETTLEMENT_ANCHOR_PAYER: operator.address, SETTLEMENT_ANCHOR_MS: 3_000_000, SETTLEMENT_FEE_GWEI_MAX: 500n, SETTLEMENT_GAS_WEI_PER_DAY: 10n ** 18n,
    } as unknown as SettlementConfig;
    link = new ChainLink(config, localSigner(anvilKeys[3]));
    await mine(anvil.rpcUrl);
  });

  afterAll(async () => {
    link?.close();
    provider?.destroy();
    await dataSource?.destroy();
    await database?.drop();
    await anvil?.stop();
  });

  /** A new process: nothing in memory, the same database and chain. */
  function start(signer = operator) {
    const [anchors, transactions] = [new AnchorStore(), new TransactionStore(dataSource, ids)];
    const outbox = new Outbox('settlement', ids);
    const keys = new PayerKeys(new Map([[operator.address, localSigner(signer.privateKey)]]));
    const everybody = { require: () => Promise.resolve(), refusal: () => Promise.resolve(null) } as unknown as PayerGate;
    const caller = { call: () => Promise.resolve({ note: '', logKey: '', ...head }) } as unknown as Caller;
    const replicas = { view: () => Promise.resolve(new Map()) } as unknown as ConstructorParameters<typeof LogRecords>[0];
    const records = new LogRecords(replicas, clock);
    const moves = new MoneyMoves(outbox, records, link, ids);
    return {
      anchors: new OperatorAnchors(config, dataSource, link, new EmptyStatements(caller, link, keys, new Delegates(link, keys), clock), anchors, transactions, ids, clock),
      relayer: new Relayer(link, transactions, new SenderLock(dataSource), { note: () => Promise.resolve() } as unknown as ForeignUse, clock, config),
      watcher: new Watcher(config, dataSource, link, new ChainEventStore(), new PayerStore(), new StatementStore(), anchors, new SettledRecord(records, link), {} as ChangeRecords, moves, outbox, new DepositMoves(dataSource, everybody, new ChainEventStore(), new PayerStore(), moves, {} as ChangeRecords, outbox, ids, clock), new Finality(dataSource, link, new ChainEventStore(), new PayeeStore(dataSource), transactions), new PaidDebts()),
      payers: new PayersService(config, dataSource, new PayerStore(), new StatementStore(), new ChainEventStore(), everybody, outbox, moves, new ChangeRecords(replicas, records, outbox), ids),
    };
  }

  /** What the timers of a service do in a while. */
  async function live(signer = operator): Promise<void> {
    const { anchors, relayer, watcher } = start(signer);
    await anchors.round();
    for (let round = 0; round < 4; round += 1) {
      await relayer.round();
      await mine(anvil.rpcUrl);
    }
    await watcher.round();
  }
  const epochs = async (): Promise<number> => Number((await escrow.payer(operator.address)).epoch);
  const records = async (): Promise<LogRecord[]> =>
    (await dataSource.query<{ payload: string | Buffer }[]>("SELECT payload FROM settlement.outbox WHERE subject = 'mizan.record.settlement' ORDER BY id")).flatMap(({ payload }) => (JSON.parse(payload.toString()) as RecordCommit).records);

  it('are there from the start, though nobody owes anything and the operator has no deposit', async () => {
    await live();
    expect(await escrow.payer(operator.address)).toMatchObject({ epoch: 1n, cumulativeTotal: 0n, auditSize: 7n, auditRoot: `0x${head.root}` });
  });

  it('come at least hourly while the log grows, and while it does not', async () => {
    const before = await epochs();
    // Looked at every 25 minutes, for five hours.
    for (let look = 1; look <= 12; look += 1) {
      clock.atMs += 1_500_000;
      if (look < 7) head = { size: head.size + 3, root: look.toString(16).padStart(64, '0') };
      await live();
    }
    expect((await epochs()) - before).toBeGreaterThanOrEqual(5);
    expect(await escrow.payer(operator.address)).toMatchObject({ auditSize: 25n, auditRoot: `0x${head.root}` });
  });

  it('are not doubled by a twin or by a restart while one is on its way', async () => {
    clock.atMs += hourMs;
    const before = await epochs();
    await Promise.allSettled([start().anchors.round(), start().anchors.round()]);
    await start().anchors.round();
    await live();
    expect((await epochs()) - before).toBe(1);
  });

  it('that failed are signed again with the head of the day', async () => {
    clock.atMs += hourMs;
    await start().anchors.round();
    await dataSource.query("UPDATE settlement.transactions SET state = 'failed' WHERE state = 'planned'");
    head = { size: 40, root: '77'.repeat(32) };
    await live();
    expect(await escrow.payer(operator.address)).toMatchObject({ auditSize: 40n, auditRoot: `0x${'77'.repeat(32)}` });
  });

  it('are never of a shorter log than is anchored', async () => {
    clock.atMs += hourMs;
    const right = head;
    head = { size: 39, root: '11'.repeat(32) };
    await expect(start().anchors.round()).rejects.toThrow('at least the 40 entries');
    head = right;
    await live();
  });

  it('are signed by a delegate as by the operator itself, which needs no more than to be one, no sooner than its interval', async () => {
    clock.atMs += hourMs;
    const before = await epochs();
    await expect(start(delegate).anchors.round()).rejects.toMatchObject({ code: 'DELEGATE_UNUSABLE', message: expect.stringContaining('addDelegate') });
    const order = (data: string): Promise<unknown> => sendCall(operator.connect(provider), escrow.address, data);
    await order(escrowCalls.addDelegate(delegate.address));
    await mine(anvil.rpcUrl);
    await live(delegate);
    expect(await epochs()).toBe(before + 1);
    await order(escrowCalls.setLimits(0n, 3_600));
    await mine(anvil.rpcUrl);
    clock.atMs += hourMs;
    await expect(start(delegate).anchors.round()).rejects.toMatchObject({ code: 'DELEGATE_LIMITED', details: { notBeforeMs: expect.any(Number) } });
    await askChain(anvil.rpcUrl, 'evm_increaseTime', [3_600]);
    await mine(anvil.rpcUrl);
    await live(delegate);
    expect(await epochs()).toBe(before + 2);
  });

  it('are entries of the log, each once, and nothing that the books hear of', async () => {
    const logged = await records();
    const onChain = (await escrow.events(0, await link.latest().then(({ number }) => number))).flatMap((event) => (event.name === 'EpochSettled' ? [Number(event.epoch)] : []));
    expect(onChain.length).toBeGreaterThan(8);
    expect(logged.map(({ fields }) => (fields as { epoch: number }).epoch)).toEqual(onChain);
    const [first] = logged;
    const envelope = parseEnvelope(Buffer.from(first!.envelope, 'base64'));
    expect(envelope).toMatchObject({ type: 'epoch.settled', tenant: 'operator' });
    expect(first!.fields).toMatchObject({ payer: operator.address, totalUnits: '0', payees: [], auditSize: 7 });
    expect(bodyMatchesEnvelope({ secret: Buffer.alloc(32).toString('base64'), fields: first!.fields! }, envelope)).toBe(true);
    expect(await dataSource.query("SELECT 1 FROM settlement.outbox WHERE subject <> 'mizan.record.settlement'")).toEqual([]);
  });

  it('are made by an address that pays for no organisation', async () => {
    await expect(start().payers.put({ keyId: null, tenant: null }, ids.uuid(), operator.address)).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining("operator's own") });
  });
});

describe('when an anchor is due', () => {
  const anchor: OperatorAnchor = { id: 'a', payer: 'p', epoch: 1, lastEpoch: 1n, auditRoot: '0x', auditSize: 1, cumulativeTotalUnits: 0n, transaction: 't', hasFailed: false, settledTx: '0x1', signedAtMs: 1_000 };

  it.each([
    ['at once when there was none', null, 0, 'begin'],
    ['not before the last is old enough', anchor, 50_999, 'wait'],
    ['when the last is old enough', anchor, 51_000, 'begin'],
    ['not while one is on its way', { ...anchor, settledTx: null }, 90_000, 'wait'],
    ['once more when one failed', { ...anchor, settledTx: null, hasFailed: true }, 1_001, 'again'],
  ])('is: %s', (_, last, nowMs, step) => {
    expect(anchorStep(last, nowMs, 50_000)).toBe(step);
  });
});
