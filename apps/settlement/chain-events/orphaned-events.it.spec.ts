import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { DataSource, EntityManager } from 'typeorm';
import { SystemClock, SystemIds } from '#kernel';
import type { PlacedEvent } from '#chain';
import { Outbox } from '#messaging';
import type { Replicas } from '#messaging';
import { generateSealKeys, openRecordBody, recordCommit } from '#protocol';
import type { LogRecord, TenantEntry } from '#protocol';
import { createDataSource, migrate } from '#service';
import { createTestDatabase } from '#testing';
import type { TestDatabase } from '#testing';
import { AnchorStore } from '../anchors/anchor.store.js';
import type { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import { StatementStore } from '../epochs/statement.store.js';
import type { PayeeStore } from '../payees/payee.store.js';
import { PaidDebts } from '../exposure/paid-debts.store.js';
import { PayerStore } from '../payers/payer.store.js';
import type { Payer } from '../payers/payer.store.js';
import { PayersService } from '../payers/payers.service.js';
import { LogRecords } from '../records/log-records.service.js';
import type { TransactionStore } from '../transactions/transaction.store.js';
import { settlement } from '../settlement.service-definition.js';
import type { PayerGate } from '../admission/payer-gate.service.js';
import { ChangeRecords } from '../changes/change-records.service.js';
import { ChainEventStore } from './chain-event.store.js';
import { MoneyMoves } from './money-moves.service.js';
import { Finality } from './finality.service.js';
import { DepositMoves } from './deposit-moves.service.js';
import type { SettledRecord } from './settled-record.js';
import { Watcher } from './watcher.service.js';

const actor = { keyId: '0198c0de-0000-7000-8000-0000000000a1', tenant: '0198c0de-0000-7000-8000-0000000000a2' };
const ids = new SystemIds(new SystemClock());
const address = (n: number): string => `0x${n.toString().padStart(40, '0')}`;

describe('money events of a payer that is nobody’s yet', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let outbox: Outbox;
  /** What the chain holds, and how far it is final. */
  const chain: PlacedEvent[] = [];
  /** What the log was told besides. */
  const logged: LogRecord[] = [];
  let afterLook: (() => Promise<void>) | undefined;

  /** Lets something happen between the look at the payer and what is made of it. */
  class PausedPayers extends PayerStore {
    override async ofAddress(manager: EntityManager, payer: string): Promise<Payer | null> {
      const found = await super.ofAddress(manager, payer);
      const work = afterLook;
      afterLook = undefined;
      await work?.();
      return found;
    }
  }

  const happened = (event: { name: 'Deposited'; payer: string; units: bigint } | { name: 'DepositWithdrawn'; payer: string; units: bigint }): void => {
    const blockNumber = chain.length + 1;
    const at = { tx: `0x${blockNumber.toString(16).padStart(64, '0')}`, blockHash: `0x${'f'.repeat(64)}`, blockNumber, logIndex: 0 };
    chain.push(event.name === 'Deposited' ? { ...event, available: event.units, at } : { ...event, to: event.payer, at });
  };
  const link = {
    chainId: 1n,
    hashAt: () => Promise.resolve('0x'),
    finalized: () => Promise.resolve({ number: chain.length, hash: '0x' }),
    escrow: { address: address(99), events: (from: number, to: number) => Promise.resolve(chain.filter(({ at }) => at.blockNumber >= from && at.blockNumber <= to)) },
  } as unknown as ChainLink;
  const seal = generateSealKeys();
  /** Organisations that governance does not publish. */
  const unknown = new Set<string>();
  const bank = (tenant: string): TenantEntry => ({ tenant, name: 'Bank', pseudonym: 'ab'.repeat(32), sealKey: seal.publicKey.toString('base64'), sealKeyId: tenant, projects: [] });
  const replicas = { view: () => Promise.resolve({ get: (tenant: string) => (unknown.has(tenant) ? undefined : bank(tenant)) }) } as unknown as Replicas;
  const opened = ({ id, type, body, fields }: LogRecord): { type: string; fields: unknown } => ({ type, fields: body ? openRecordBody(id, type, body, seal.privateKey).fields : fields });
  const records = new LogRecords(replicas, new SystemClock());
  const moves = (): MoneyMoves => new MoneyMoves(outbox, records, link, ids);
  const everybody = { require: () => Promise.resolve(), refusal: () => Promise.resolve(null) } as unknown as PayerGate;
  const watcher = (payers: PayerStore): Watcher => {
    const deposits = new DepositMoves(dataSource, everybody, new ChainEventStore(), payers, moves(), {} as ChangeRecords, outbox, ids, new SystemClock());
    return new Watcher({ SETTLEMENT_START_BLOCK: 0 } as SettlementConfig, dataSource, link, new ChainEventStore(), payers, new StatementStore(), new AnchorStore(), {} as SettledRecord, {} as ChangeRecords, moves(), outbox, deposits, new Finality(dataSource, link, new ChainEventStore(), {} as PayeeStore, {} as TransactionStore), new PaidDebts());
  };
  const payers = (): PayersService => new PayersService({ SETTLEMENT_ANCHOR_PAYER: undefined }, dataSource, new PayerStore(), new StatementStore(), new ChainEventStore(), everybody, outbox, moves(), new ChangeRecords(replicas, records, outbox), ids);
  const told = async (): Promise<{ event: string; tenant: string; units: string }[]> => {
    const rows = await dataSource.query<{ subject: string; payload: string }[]>('DELETE FROM settlement.outbox RETURNING id, subject, payload').then((result) => result as unknown as [{ id: string; subject: string; payload: string }[], number]);
    const sorted = rows[0].sort((a, b) => Number(a.id) - Number(b.id));
    const isRecord = ({ subject }: { subject: string }): boolean => subject === 'mizan.record.settlement';
    logged.push(...sorted.filter(isRecord).flatMap(({ payload }) => recordCommit.decode(JSON.parse(payload)).records));
    return sorted
      .filter((row) => !isRecord(row))
      .map(({ subject, payload }) => ({ event: subject.split('.').at(-1)!, ...(JSON.parse(payload) as { tenant: string; units: string }) }))
      .map(({ event, tenant, units }) => ({ event, tenant, units }));
  };

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await createTestDatabase({ service: 'settlement' });
    await migrate(settlement, database.ownerUrl);
    dataSource = await createDataSource(database.url, 'settlement').initialize();
    outbox = new Outbox('settlement', ids);
  });
  afterAll(async () => {
    await dataSource?.destroy();
    await database?.drop();
  });

  it('are told to the books when it is named, deposits taken back included', async () => {
    const tenant = ids.uuid();
    happened({ name: 'Deposited', payer: address(1), units: 10n });
    happened({ name: 'DepositWithdrawn', payer: address(1), units: 4n });
    await watcher(new PayerStore()).round();
    expect(await told()).toEqual([]);
    await payers().put(actor, tenant, address(1));
    const both = [{ event: 'deposit-confirmed', tenant, units: '10' }, { event: 'deposit-withdrawn', tenant, units: '4' }];
    expect(await told()).toEqual(both);
    const at = { chainId: 1, escrow: address(99), logIndex: 0 };
    expect(logged.map(opened)).toMatchObject([
      { type: 'payer.set', fields: { actor, organisation: tenant, payer: address(1), before: null } },
      { type: 'deposit.moved', fields: { payer: address(1), units: '10', to: null, blockNumber: 1, ...at } },
      { type: 'deposit.moved', fields: { payer: address(1), units: '4', to: address(1), blockNumber: 2, ...at } },
    ]);
    await payers().put(actor, tenant, address(1));
    await watcher(new PayerStore()).round();
    expect(await told()).toEqual([]);
    expect(logged).toHaveLength(3);
  });

  it('names nobody where governance publishes no such organisation: what would be open says that a payer was named, and no more', async () => {
    const tenant = ids.uuid();
    unknown.add(tenant);
    await payers().put(actor, tenant, address(7));
    await told();
    expect(logged.splice(-1)).toMatchObject([{ type: 'payer.set', tenant: null, fields: {} }]);
  });

  it('are told also when it is named at the very moment in which they are read', async () => {
    const tenant = ids.uuid();
    happened({ name: 'Deposited', payer: address(2), units: 7n });
    afterLook = () => payers().put(actor, tenant, address(2)).then(() => undefined);
    await watcher(new PausedPayers()).round();
    await watcher(new PayerStore()).round();
    expect(await told()).toEqual([{ event: 'deposit-confirmed', tenant, units: '7' }]);
  });

  it('bind the tenant to the address: what was booked for it stays where it is', async () => {
    const tenant = ids.uuid();
    await payers().put(actor, tenant, address(3));
    await payers().put(actor, tenant, address(4));
    happened({ name: 'Deposited', payer: address(4), units: 1n });
    await watcher(new PayerStore()).round();
    await expect(payers().put(actor, tenant, address(5))).rejects.toMatchObject({ code: 'CONFLICT' });
    await payers().put(actor, tenant, address(4));
  });
});
