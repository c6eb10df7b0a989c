import { beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Wallet, ZeroHash } from 'ethers';
import type { DataSource } from 'typeorm';
import { SystemClock } from '#kernel';
import { localSigner } from '#chain';
import type { Caller } from '#messaging';
import { anvilKeys } from '#testing';
import { EmptyStatements } from '../anchors/empty-statements.service.js';
import type { ChainLink } from '../chain/chain-link.js';
import { Delegates } from '../payers/delegates.service.js';
import { PayerKeys } from '../payers/payer-keys.js';
import type { Relayer } from '../transactions/relayer.service.js';
import type { TransactionStore } from '../transactions/transaction.store.js';
import type { StatementRow, StatementStore } from './statement.store.js';
import { Voids } from './voids.service.js';

const payer = new Wallet(anvilKeys[1]).address;
const hash = 'ab'.repeat(32);
/** Drawn when 100 units were credited, for 40 more. */
const row = { id: 'the statement', tenant: '0198c0de-0000-7000-8000-00000000000a', payer, totalUnits: 40n, cumulativeTotalUnits: 140n, isVoidUnderWay: false } as StatementRow;

describe('the voiding of a statement', () => {
  let begun: { epoch: bigint }[];

  beforeEach(() => {
    Logger.overrideLogger(false);
    begun = [];
  });

  const voids = (cumulativeTotal: bigint): Voids => {
    const dataSource = { transaction: (work: (manager: unknown) => Promise<unknown>) => work({ query: () => Promise.resolve([]) }) };
    const escrow = {
      address: '0x5FbDB2315678afecb367f032d93F642f64180aa3',
      payer: () => Promise.resolve({ available: 1_000n, cumulativeTotal, epoch: 6n, auditSize: 0n, auditRoot: ZeroHash, thawing: 0n, thawEndsAt: 0n }),
      registryHash: () => Promise.resolve(`0x${hash}`),
    };
    const chain = { escrow, chainId: 31_337n, sender: payer, finalized: () => Promise.resolve({ number: 7, hash: `0x${hash}` }) };
    const statements = {
      lastEpoch: () => Promise.resolve(9n),
      beginVoid: (_manager: unknown, _row: unknown, epoch: bigint) => {
        begun.push({ epoch });
        return Promise.resolve(true);
      },
    };
    const link = chain as unknown as ChainLink;
    const keys = new PayerKeys(new Map([[payer, localSigner(anvilKeys[1])]]));
    const empties = new EmptyStatements({ call: () => Promise.resolve({ root: hash, size: 12 }) } as unknown as Caller, link, keys, new Delegates(link, keys), new SystemClock());
    const outbox = { plan: () => Promise.resolve('planned') } as unknown as TransactionStore;
    return new Voids(dataSource as unknown as DataSource, link, empties, statements as unknown as StatementStore, outbox, { kick: () => undefined } as unknown as Relayer);
  };

  it('takes an epoch above all that was ever signed', async () => {
    await voids(100n).begin(row, 'SANCTIONED');
    expect(begun).toEqual([{ epoch: 10n }]);
  });

  it('is not begun when the statement has landed', async () => {
    await expect(voids(140n).begin(row, 'SANCTIONED')).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('landed') });
    expect(begun).toEqual([]);
  });

  it('is not begun where the chain took back what was paid before: that could land no more', async () => {
    await expect(voids(60n).begin(row, 'SANCTIONED')).rejects.toMatchObject({ code: 'LEDGER_UNBALANCED', details: { escrow: '60', books: '100' } });
    expect(begun).toEqual([]);
  });
});
