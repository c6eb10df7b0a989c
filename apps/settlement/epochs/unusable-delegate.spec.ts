import { beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Wallet } from 'ethers';
import type { DataSource } from 'typeorm';
import { SystemClock } from '#kernel';
import type { Caller } from '#messaging';
import { billingCalls, failure } from '#protocol';
import { anvilKeys } from '#testing';
import type { PayerGate } from '../admission/payer-gate.service.js';
import type { Finality } from '../chain-events/finality.service.js';
import type { ChainLink } from '../chain/chain-link.js';
import type { SettlementConfig } from '../config.js';
import type { Rates } from '../conversions/rates.service.js';
import type { HandedStore } from '../handing/handed.store.js';
import type { HandingService } from '../handing/handing.service.js';
import type { Registration } from '../payees/registration.service.js';
import type { Delegates } from '../payers/delegates.service.js';
import type { PayerKeys } from '../payers/payer-keys.js';
import type { PayerStore } from '../payers/payer.store.js';
import type { Eligibility } from '../payouts/eligibility.service.js';
import type { Holds } from '../payouts/holds.service.js';
import type { Screening } from '../screening/screening.service.js';
import type { Relayer } from '../transactions/relayer.service.js';
import type { TransactionStore } from '../transactions/transaction.store.js';
import type { DepositCover } from './deposit-cover.service.js';
import { Draws } from './draws.service.js';
import { SettleService } from './settle.service.js';
import type { Draw } from './statement.js';
import type { StatementRow, StatementStore } from './statement.store.js';
import { TakenBack } from './taken-back.service.js';
import type { Voids } from './voids.service.js';

const tenant = '0198c0de-0000-7000-8000-00000000000a';
const payee = new Wallet(anvilKeys[2]).address.toLowerCase();
const payer = { tenant, address: new Wallet(anvilKeys[1]).address, jurisdiction: null };
const drawn = { statement: 'lost', tenant, nanosPerUnit: 1_000n, payees: [{ payee, units: 4n, cumulativeUnits: 9n }], totalUnits: 4n, cumulativeTotalUnits: 9n, rate: { nanos: 1_000n, units: 1n } };
const row = { id: 'voided', tenant, payees: [{ payee, units: 5n, cumulativeUnits: 5n }], state: 'taken-back', voidCause: 'DELEGATE_LIMITED', epoch: 3 } as unknown as StatementRow;
const revoked = failure('DELEGATE_UNUSABLE', 'the payer has revoked its delegate');

class SetClock extends SystemClock {
  atMs = 0;
  override monotonicMs(): number {
    return this.atMs;
  }
}

describe('the epochs of a payer whose delegate may not sign', () => {
  let clock: SetClock;
  let refusal: Error | null;
  /** Times at which the chain was asked for the mandate. */
  let tried: number[];
  let toldBooks: string[];
  let toldPayees: string[][];
  let isBillingUp: boolean;
  let takenBackLast: StatementRow[];
  let lost: typeof drawn | null;
  let kept: StatementRow | null;
  let settle: SettleService;

  beforeEach(() => {
    Logger.overrideLogger(false);
    [clock, refusal, tried, toldBooks, toldPayees, isBillingUp, takenBackLast, lost, kept] = [new SetClock(), revoked, [], [], [], true, [], null, null];
    const dataSource = { transaction: (work: (manager: unknown) => Promise<unknown>) => work({ query: () => Promise.resolve([]) }) };
    const caller = {
      call: (call: unknown, { statement, only }: { statement: string; only?: string[] }): Promise<unknown> => {
        if (!isBillingUp) return Promise.reject(failure('SERVICE_UNAVAILABLE', 'billing is down'));
        if (call === billingCalls.takeBackPayables) {
          toldBooks.push(statement);
          if (statement === lost?.statement) lost = null;
          return Promise.resolve({ statement });
        }
        expect([call === billingCalls.drawPayables, refusal === null ? undefined : only]).toEqual([true, refusal === null ? undefined : []]);
        return lost === null ? Promise.reject(failure('NOTHING_DUE', 'nothing is due')) : Promise.resolve(lost);
      },
    };
    const statements = {
      open: () => Promise.resolve(kept?.state === 'drawn' ? kept : null),
      toGoOn: () => Promise.resolve([{ id: 'the last', tenant }]),
      takenBackLast: () => Promise.resolve(takenBackLast),
      insertDrawn: (_: unknown, draw: Draw) => {
        kept = { ...draw, state: 'drawn', epoch: null, voidCause: null } as unknown as StatementRow;
        return Promise.resolve(true);
      },
      get: () => Promise.resolve(kept),
      takeBack: () => {
        kept = { ...kept!, state: 'taken-back' };
        return Promise.resolve(true);
      },
    };
    const mandate = (): Promise<null> => {
      tried.push(clock.atMs);
      return refusal === null ? Promise.resolve(null) : Promise.reject(refusal);
    };
    const chain = { escrow: { address: payer.address }, finalized: () => Promise.resolve({ number: 7 }) };
    const registration = { begin: () => Promise.resolve(), indices: (addresses: string[]) => Promise.resolve(new Map(addresses.map((address) => [address, 0]))) };
    const handing = { tell: (payees: string[]) => Promise.resolve(void toldPayees.push(payees)) };
    const config = { SETTLEMENT_PAYEES_PER_STATEMENT: 9 } as SettlementConfig;
    const source = dataSource as unknown as DataSource;
    const books = caller as unknown as Caller;
    const link = chain as unknown as ChainLink;
    const registry = registration as unknown as Registration;
    const store = statements as unknown as StatementStore;
    const rates = { current: () => Promise.resolve(drawn.rate) } as unknown as Rates;
    const gate = { require: () => Promise.resolve() } as unknown as PayerGate;
    const eligibility = { of: () => Promise.resolve({ payees: [], owedNanos: new Map(), heldBack: [], unregistered: [] }), stopped: () => Promise.resolve([]) } as unknown as Eligibility;
    const finality = { requireStanding: () => Promise.resolve() } as unknown as Finality;
    const takenBack = new TakenBack(source, books, handing as unknown as HandingService, store);
    const delegates = { mandate } as unknown as Delegates;
    const cover = { availableUnits: () => Promise.resolve(9n) } as unknown as DepositCover;
    settle = new SettleService(
      config,
      source,
      books,
      link,
      { ofTenant: () => Promise.resolve(payer) } as unknown as PayerStore,
      {} as PayerKeys,
      registry,
      store,
      {} as TransactionStore,
      {} as HandedStore,
      handing as unknown as HandingService,
      {} as Relayer,
      eligibility,
      { hits: () => Promise.resolve(new Map()) } as unknown as Screening,
      { placeForHits: () => Promise.resolve() } as unknown as Holds,
      finality,
      {} as Voids,
      takenBack,
      delegates,
      cover,
      new Draws(config, source, books, link, registry, store, rates, gate, eligibility, finality, takenBack, delegates, cover, { uuid: () => 'a new one' }),
      clock,
    );
  });

  it.each([
    ['has revoked it', revoked],
    ['lets it pay nobody who is owed something', failure('DELEGATE_LIMITED', 'nobody may be paid')],
  ])('are tried again each minute while the payer %s, and end when nothing is due', async (_, error) => {
    const minute = 60_000;
    refusal = error;
    for (const atMs of [0, 1, minute - 1, minute, 2 * minute - 1]) {
      clock.atMs = atMs;
      await settle.goOn();
    }
    expect(tried).toEqual([0, minute]);
    refusal = null;
    for (const atMs of [2 * minute, 2 * minute + 1, 9 * minute]) {
      clock.atMs = atMs;
      await settle.goOn();
    }
    expect(tried).toEqual([0, minute, 2 * minute]);
  });

  it('do not keep what was voided from being owed again, of which books and payees are told once', async () => {
    takenBackLast = [row];
    isBillingUp = false;
    await settle.goOn();
    expect([toldBooks, toldPayees]).toEqual([[], []]);
    isBillingUp = true;
    await settle.goOn();
    await settle.goOn();
    await expect(settle.begin(tenant)).rejects.toBe(revoked);
    expect([toldBooks, toldPayees]).toEqual([['voided'], [[payee]]]);
  });

  it('take back a draw whose answer was lost: nobody may sign it, and it is owed again', async () => {
    lost = drawn;
    await expect(settle.begin(tenant)).rejects.toBe(revoked);
    expect(toldBooks).toEqual(['lost']);
    await expect(settle.begin(tenant)).rejects.toBe(revoked);
    expect(kept).toMatchObject({ id: 'lost', state: 'taken-back', isCapped: true });
  });
});
