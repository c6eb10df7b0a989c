import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { SystemClock, SystemIds } from '#kernel';
import { listHash, packList } from '#chain';
import { createDataSource, migrate, withTenant } from '#service';
import { createTestDatabase } from '#testing';
import type { TestDatabase } from '#testing';
import { settlement } from '../settlement.service-definition.js';
import { TransactionStore } from '../transactions/transaction.store.js';
import { StatementStore } from './statement.store.js';

const ids = new SystemIds(new SystemClock());
const tenant = '0198c0de-0000-7000-8000-00000000000a';
const payer = `0x${'1'.repeat(40)}`;
const rate = { nanos: 1_000n, units: 1n, source: { kind: 'fixed', usdPerToken: '1', reason: 'a dollar token at par', date: null }, readAtMs: 0 } as const;
const hash = `0x${'ab'.repeat(32)}`;
const unsigned = { signature: '0x', delegate: null };

describe('the epochs of a payer', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  const store = new StatementStore();

  beforeAll(async () => {
    database = await createTestDatabase({ service: 'settlement' });
    await migrate(settlement, database.ownerUrl);
    dataSource = await createDataSource(database.url, 'settlement').initialize();
  });

  afterAll(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  it('are never signed for twice, also when the form that landed is an earlier one than the last', async () => {
    const transactions = new TransactionStore(dataSource, ids);
    const id = ids.uuid();
    await withTenant(dataSource, '*', async (manager) => {
      await store.insertDrawn(manager, { id, tenant, payer, payees: [], totalUnits: 5n, cumulativeTotalUnits: 5n, rate });
      for (const epoch of [1n, 2n]) {
        const row = (await store.get(manager, id))!;
        const statement = { payer, epoch, listHash: hash, cumulativeTotal: 5n, registryHash: hash, auditRoot: hash, auditSize: epoch, validUntil: 9n };
        const transaction = (await transactions.plan(manager, { chainId: 1n, sender: payer }, { purpose: 'settle', subject: `${id} ${epoch}`, target: payer, data: '0x' }))!;
        expect(await store.sign(manager, row, { statement, list: '0x' }, unsigned, transaction)).toBe(true);
      }
      expect(await store.lastEpoch(manager, payer)).toBe(2n);
      expect(await store.settle(manager, { payer, listHash: hash, cumulativeTotal: 5n, epoch: 1n, auditRoot: hash, auditSize: 1n, tx: hash })).toMatchObject({ epoch: 1, state: 'final' });
      expect(await store.lastEpoch(manager, payer)).toBe(2n);
    });
  });

  it('are known as voided by a statement that credits nobody, and by no other', async () => {
    const [transactions, id, another] = [new TransactionStore(dataSource, ids), ids.uuid(), `0x${'2'.repeat(40)}`];
    await withTenant(dataSource, '*', async (manager) => {
      const plan = async (subject: string): Promise<string> => (await transactions.plan(manager, { chainId: 1n, sender: another }, { purpose: 'settle', subject, target: another, data: '0x' }))!;
      await store.insertDrawn(manager, { id, tenant: '0198c0de-0000-7000-8000-00000000000b', payer: another, payees: [], totalUnits: 5n, cumulativeTotalUnits: 5n, rate });
      const statement = { payer: another, epoch: 1n, listHash: hash, cumulativeTotal: 5n, registryHash: hash, auditRoot: hash, auditSize: 1n, validUntil: 9n };
      expect(await store.sign(manager, (await store.get(manager, id))!, { statement, list: '0x' }, unsigned, await plan(id))).toBe(true);
      expect(await store.beginVoid(manager, (await store.get(manager, id))!, 2n, await plan(`${id} void`), 'SANCTIONED')).toBe(true);
      const event = { payer: another, epoch: 2n, tx: hash };
      expect(await store.voided(manager, { ...event, listHash: hash })).toBeNull();
      expect(await store.isVoidEpoch(manager, { ...event, listHash: hash })).toBe(false);
      expect(await store.voided(manager, { ...event, listHash: listHash(packList([])) })).toMatchObject({ id, state: 'taken-back' });
      expect(await store.isVoidEpoch(manager, { ...event, listHash: listHash(packList([])) })).toBe(true);
      // The others are owed again, and are not left to the next timer.
      expect((await store.toGoOn(manager, 500)).map((one) => one.id)).toEqual([id]);
    });
  });
});
