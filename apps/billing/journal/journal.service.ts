import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, Ids, nanosMax } from '#kernel';
import { Outbox } from '#messaging';
import { failure, operatorRecord, reservationMsMax } from '#protocol';
import type { LedgerAccount, Reservation, RequestOf, journalCalls } from '#protocol';
import { PeriodicTask, SERVICE_CONFIG, withTenant } from '#service';
import type { BillingConfig } from '../billing-config.js';
import { operatorAccount, operatorTenant } from '../ledger/chart-of-accounts.js';
import type { Account, AccountKind } from '../ledger/chart-of-accounts.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { move, namedByCaller, transfer } from '../ledger/transfer.js';
import { JournalAccountsStore } from './journal-accounts.store.js';
import type { FoundAccount, Reserved } from './journal-accounts.store.js';
import { ReservationsStore } from './reservations.store.js';
import type { FoundReservation } from './reservations.store.js';
import { assertAmounts, movableKinds, partsOf, reservationHash, reservedBy } from './reserved.js';

type Calls = typeof journalCalls;
type Change = 'reserved' | 'posted' | 'voided' | 'expired';

/** Reservations ended in one transaction. */
const expiredPerRound = 100;

/**
 * Transfers between accounts of the deployment in two phases: one person reserves, another posts, whole or in part, or either voids; what nobody ended expires. The
 * log, open to everybody, has the hash of what was moved, not the amounts.
 */
@Injectable()
export class Journal extends PeriodicTask {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) config: BillingConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(JournalAccountsStore) private readonly accounts: JournalAccountsStore,
    @Inject(ReservationsStore) private readonly reservations: ReservationsStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
  ) {
    super(config.BILLING_SWEEP_MS);
  }

  /** Errors: ACCOUNT_CLOSED, ACCOUNT_LIMIT. */
  putAccount({ actor, name, currency, leastNanos, mostNanos }: RequestOf<Calls['putAccount']>): Promise<LedgerAccount> {
    return this.change(async (manager) => {
      const account = await this.accounts.open(manager, operatorAccount(name, currency));
      assertOpen(account);
      if (account.leastNanos !== leastNanos || account.mostNanos !== mostNanos) await this.accounts.setRule(manager, account.id, { leastNanos, mostNanos });
      await this.note(manager, { account: account.code, currency, change: 'rule', leastNanos: leastNanos?.toString() ?? null, mostNanos: mostNanos?.toString() ?? null, keyId: actor.keyId });
      return shown({ ...account, leastNanos, mostNanos });
    });
  }

  /** Errors: NOT_FOUND, CONFLICT. */
  closeAccount({ actor, name, currency }: RequestOf<Calls['closeAccount']>): Promise<LedgerAccount> {
    return this.change(async (manager) => {
      const { code } = operatorAccount(name, currency);
      const [account] = await this.accounts.lock(manager, [code], currency);
      if (!account) throw unknown(code, currency);
      if (account.closed) return shown(account);
      if (account.balanceNanos !== 0n || account.reservedDebitNanos + account.reservedCreditNanos !== 0n)
        throw failure('CONFLICT', `there is ${account.balanceNanos} in ${code}, and ${account.reservedDebitNanos + account.reservedCreditNanos} reserved on it: both must be nothing`, { account: code });
      await this.accounts.close(manager, account.id);
      await this.note(manager, { account: code, currency, change: 'closed', keyId: actor.keyId });
      return shown({ ...account, closed: true });
    });
  }

  async listAccounts({ after, limit }: RequestOf<Calls['listAccounts']>): Promise<{ data: LedgerAccount[]; hasMore: boolean }> {
    const rows = await withTenant(this.dataSource, operatorTenant, (manager) => this.accounts.list(manager, after, limit + 1));
    return { data: rows.slice(0, limit).map(shown), hasMore: rows.length > limit };
  }

  /** Errors: those of the call. */
  async reserve({ actor, id, ...asked }: RequestOf<Calls['reserve']>): Promise<Reservation> {
    const person = personOf(actor);
    assertAmounts(asked.legs);
    const hash = reservationHash(asked);
    return this.change(async (manager) => {
      const nowMs = this.clock.nowMs();
      const fresh: FoundReservation = { id, ...asked, hash, state: 'pending', postedNanos: null, reservedBy: person, reservedAtMs: nowMs, endedBy: null, endedAtMs: null };
      if (!(await this.reservations.insert(manager, fresh))) {
        const known = (await this.reservations.lock(manager, id))!;
        if (known.hash !== hash) throw failure('IDEMPOTENCY_MISMATCH', 'a reservation of this id says something else; use a new id', { id });
        return without(known);
      }
      if (asked.expiresAtMs <= nowMs || asked.expiresAtMs > nowMs + reservationMsMax) throw failure('REQUEST_INVALID', 'a reservation ends in the future, within 92 days', { param: 'expiresAtMs' });
      const found = await this.lockAccounts(manager, fresh);
      for (const account of found.values()) assertOpen(account);
      await this.accounts.reserve(manager, reservedOn(fresh, found), 1n);
      await this.tell(manager, fresh, 'reserved', person);
      return without(fresh);
    });
  }

  /** Errors: those of the call. */
  async post({ actor, id, amountsNanos }: RequestOf<Calls['post']>): Promise<Reservation> {
    const person = personOf(actor);
    return this.change(async (manager) => {
      const known = await this.lockReservation(manager, id);
      const parts = partsOf(known.legs, amountsNanos);
      if (known.state === 'posted') {
        if (String(known.postedNanos) !== String(parts)) throw failure('CONFLICT', `of this reservation ${String(known.postedNanos)} was posted, and that stays`, { id });
        return without(known);
      }
      this.assertPending(known, 'posted');
      if (known.reservedBy === person) throw failure('NOT_ALLOWED', 'a reservation is posted by another person than who made it');
      const found = await this.lockAccounts(manager, known);
      await this.accounts.reserve(manager, reservedOn(known, found), -1n);
      const lines = known.legs.flatMap(({ debit, credit }, index) => move(accountOf(found.get(credit)!), accountOf(found.get(debit)!), parts[index]!));
      await this.ledger.post(manager, [transfer(namedByCaller('journal', id), 'journal', operatorTenant, lines)]);
      return this.ended(manager, known, 'posted', parts, person);
    });
  }

  /** Errors: NOT_FOUND, CONFLICT, RESERVATION_EXPIRED. */
  async void({ actor, id }: RequestOf<Calls['void']>): Promise<Reservation> {
    const person = personOf(actor);
    return this.change(async (manager) => {
      const known = await this.lockReservation(manager, id);
      if (known.state === 'voided') return without(known);
      this.assertPending(known, 'voided');
      await this.accounts.reserve(manager, reservedOn(known, await this.lockAccounts(manager, known)), -1n);
      return this.ended(manager, known, 'voided', null, person);
    });
  }

  async list({ state, after, limit }: RequestOf<Calls['list']>): Promise<{ data: Reservation[]; hasMore: boolean }> {
    const rows = await withTenant(this.dataSource, operatorTenant, (manager) => this.reservations.list(manager, state, after, limit + 1));
    return { data: rows.slice(0, limit).map(without), hasMore: rows.length > limit };
  }

  /** Answers how many have expired. */
  async runOnce(): Promise<number> {
    const expired = await withTenant(this.dataSource, operatorTenant, async (manager) => {
      const overdue = await this.reservations.overdue(manager, this.clock.nowMs(), expiredPerRound);
      for (const reservation of overdue) {
        await this.accounts.reserve(manager, reservedOn(reservation, await this.lockAccounts(manager, reservation)), -1n);
        await this.ended(manager, reservation, 'expired', null, null);
      }
      return overdue.length;
    });
    if (expired > 0) this.outbox.kick();
    return expired;
  }

  private async change<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const done = await withTenant(this.dataSource, operatorTenant, work);
    this.outbox.kick();
    return done;
  }

  private async lockReservation(manager: EntityManager, id: string): Promise<FoundReservation> {
    const known = await this.reservations.lock(manager, id);
    if (!known) throw failure('NOT_FOUND', 'nothing is reserved under this id; reserve it first', { id });
    return known;
  }

  private assertPending({ id, state, expiresAtMs }: FoundReservation, wanted: string): void {
    if (state === 'expired' || (state === 'pending' && expiresAtMs <= this.clock.nowMs())) throw failure('RESERVATION_EXPIRED', 'this reservation has expired and holds nothing any more; reserve anew', { id });
    if (state !== 'pending') throw failure('CONFLICT', `this reservation is ${state} and cannot be ${wanted}`, { id });
  }

  /** By code. Errors: NOT_FOUND, NOT_ALLOWED. */
  private async lockAccounts(manager: EntityManager, { legs, currency }: FoundReservation): Promise<ReadonlyMap<string, FoundAccount>> {
    const codes = [...reservedBy(legs).keys()];
    const found = new Map((await this.accounts.lock(manager, codes, currency)).map((account) => [account.code, account]));
    for (const code of codes) {
      const account = found.get(code);
      // Accounts of organisations are not seen here at all.
      if (!account) throw unknown(code, currency);
      if (!movableKinds.has(account.kind)) throw failure('NOT_ALLOWED', `${code} is moved by the books alone, never by hand`, { account: code });
    }
    return found;
  }

  private async ended(manager: EntityManager, known: FoundReservation, state: 'posted' | 'voided' | 'expired', postedNanos: bigint[] | null, endedBy: string | null): Promise<Reservation> {
    const endedAtMs = this.clock.nowMs();
    await this.reservations.end(manager, known.id, state, postedNanos, endedBy, endedAtMs);
    await this.tell(manager, known, state, endedBy);
    return without({ ...known, state, postedNanos, endedBy, endedAtMs });
  }

  private tell(manager: EntityManager, { id, hash }: FoundReservation, change: Change, keyId: string | null): Promise<void> {
    return this.note(manager, { reservation: id, hash, change, keyId });
  }

  private async note(manager: EntityManager, fields: Record<string, string | null>): Promise<void> {
    await this.outbox.record(manager, operatorRecord({ id: this.ids.uuid(), type: 'journal.changed', timeMs: this.clock.nowMs(), fields, facts: null }));
  }
}

const reservedOn = ({ legs }: FoundReservation, found: ReadonlyMap<string, FoundAccount>): Reserved[] => [...reservedBy(legs)].map(([code, sums]) => ({ account: found.get(code)!.id, ...sums }));

/** As the ledger names it; its id follows from code and currency. */
const accountOf = ({ code, currency, kind, tenant }: FoundAccount): Account => ({ kind: kind as AccountKind, code, currency, tenant });

const shown = ({ id: _, kind: _kind, tenant: _tenant, ...account }: FoundAccount): LedgerAccount => account;
const without = ({ hash: _, ...reservation }: FoundReservation): Reservation => reservation;

function assertOpen({ code, closed, balanceNanos }: FoundAccount): void {
  if (closed) throw failure('ACCOUNT_CLOSED', `the account ${code} is closed and takes nothing; use another one`, { account: code });
  if (balanceNanos > nanosMax || balanceNanos < -nanosMax) throw failure('AMOUNT_OVERFLOW', `the balance of ${code} is beyond 2^63 nano-units`, { account: code });
}

const unknown = (code: string, currency: string) => failure('NOT_FOUND', `the deployment has no account ${code} in ${currency}; open it first`, { account: code });

/** Who acts without a key of their own is nobody in particular, and cannot be told from who posts. */
function personOf({ keyId }: { keyId: string | null }): string {
  if (keyId === null) throw failure('NOT_ALLOWED', 'money is moved by hand by persons, each with a key of their own');
  return keyId;
}
