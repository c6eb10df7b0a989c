import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { canonicalJson, Clock } from '#kernel';
import { Outbox } from '#messaging';
import { failure } from '#protocol';
import type { Refund, refundCalls, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { LedgerStore } from '../ledger/ledger.store.js';
import type { Transfer } from '../ledger/transfer.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { CreditBalancesStore } from './credit-balances.store.js';
import { sha256 } from './invoice-document.js';
import { refundPaymentTransfer, refundRequestTransfer, refundVoidTransfer } from './invoice-transfers.js';
import { InvoicesStore } from './invoices.store.js';
import { RefundsStore } from './refunds.store.js';

type Calls = typeof refundCalls;
type Actor = RequestOf<Calls['request']>['actor'];

/** Pays credit balances back in two steps: the money is set aside, then the bank has sent it. */
@Injectable()
export class Refunds {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(InvoicesStore) private readonly invoices: InvoicesStore,
    @Inject(RefundsStore) private readonly refunds: RefundsStore,
    @Inject(CreditBalancesStore) private readonly balances: CreditBalancesStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(TenantRecords) private readonly records: TenantRecords,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Errors: REQUEST_INVALID, IDEMPOTENCY_MISMATCH. */
  request({ actor, tenant, id, currency, amountMinor, reason }: RequestOf<Calls['request']>): Promise<Refund> {
    const inputHash = sha256(canonicalJson({ tenant, currency, amountMinor: amountMinor.toString(), reason }));
    return this.inTurn(tenant, async (manager) => {
      const known = await this.refunds.find(manager, id);
      if (known) {
        if (known.inputHash === inputHash) return known.refund;
        throw failure('IDEMPOTENCY_MISMATCH', 'this id is of another refund, or of another amount or reason; use a new one', { id });
      }
      const hasMinor = await this.balances.of(manager, tenant, currency);
      if (amountMinor <= 0n || amountMinor > hasMinor) throw failure('REQUEST_INVALID', `the amount must be above 0 and at most the ${hasMinor} hundredths of the credit balance`, { param: 'amountMinor' });
      const refund: Refund = { id, tenant, currency, amountMinor, reason, state: 'requested', requestedAtMs: this.clock.nowMs(), reference: null, paidAtMs: null };
      await this.refunds.insert(manager, refund, inputHash);
      return this.booked(manager, refund, refundRequestTransfer(refund), actor);
    });
  }

  /** Errors: NOT_FOUND, CONFLICT, IDEMPOTENCY_MISMATCH. */
  pay({ actor, tenant, id, reference, paidAtMs }: RequestOf<Calls['pay']>): Promise<Refund> {
    return this.inTurn(tenant, async (manager) => {
      const refund = await this.found(manager, tenant, id);
      if (refund.state === 'paid' && refund.reference === reference && refund.paidAtMs === paidAtMs) return refund;
      if (refund.state === 'paid') throw failure('IDEMPOTENCY_MISMATCH', 'this refund was paid with another reference or at another time', { id });
      if (refund.state === 'voided') throw failure('CONFLICT', 'this refund was voided: its money is in the credit balance again', { id });
      const paid: Refund = { ...refund, state: 'paid', reference, paidAtMs };
      await this.refunds.end(manager, paid);
      return this.booked(manager, paid, refundPaymentTransfer(paid), actor);
    });
  }

  /** Errors: NOT_FOUND, CONFLICT. */
  void({ actor, tenant, id }: RequestOf<Calls['void']>): Promise<Refund> {
    return this.inTurn(tenant, async (manager) => {
      const refund = await this.found(manager, tenant, id);
      if (refund.state === 'voided') return refund;
      if (refund.state === 'paid') throw failure('CONFLICT', 'this refund was paid', { id });
      const voided: Refund = { ...refund, state: 'voided' };
      await this.refunds.end(manager, voided);
      return this.booked(manager, voided, refundVoidTransfer(voided), actor);
    });
  }

  private async found(manager: EntityManager, tenant: string, id: string): Promise<Refund> {
    const known = await this.refunds.find(manager, id);
    if (known?.refund.tenant !== tenant) throw failure('NOT_FOUND', 'there is no such refund', { refund: id });
    return known.refund;
  }

  private async booked(manager: EntityManager, refund: Refund, transfer: Transfer, actor: Actor): Promise<Refund> {
    await this.ledger.post(manager, [transfer]);
    const fields = { actor, refund: refund.id, state: refund.state, currency: refund.currency, amountMinor: refund.amountMinor.toString(), reason: refund.reason, reference: refund.reference, paidAtMs: refund.paidAtMs };
    await this.outbox.record(manager, await this.records.seal(refund.tenant, { id: transfer.id, type: 'refund.changed', timeMs: this.clock.nowMs(), fields, facts: null }));
    return refund;
  }

  /** One at a time of a tenant's, its invoices included: both take from the balance. */
  private async inTurn(tenant: string, work: (manager: EntityManager) => Promise<Refund>): Promise<Refund> {
    const refund = await withTenant(this.dataSource, '*', async (manager) => {
      await this.invoices.lockTenant(manager, tenant);
      return work(manager);
    });
    this.outbox.kick();
    return refund;
  }
}
