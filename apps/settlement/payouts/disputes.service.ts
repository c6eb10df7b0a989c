import { Injectable } from '@nestjs/common';
import { getAddress } from 'ethers';
import { DataSource } from 'typeorm';
import { signedJustNow } from '#chain';
import { Clock, Ids } from '#kernel';
import { Outbox } from '#messaging';
import { failure, payeeDisputeText, payoutRuleEvents, uuid } from '#protocol';
import type { PayoutDispute, payoutRuleCalls, ReplyOf, RequestOf } from '#protocol';
import { withTenant } from '#service';
import { ChangeRecords } from '../changes/change-records.service.js';
import { DisputeStore } from './dispute.store.js';

type Calls = typeof payoutRuleCalls;

interface Opening extends Pick<PayoutDispute, 'statement' | 'payee' | 'reason' | 'openedBy'> {
  /** When the payee signed; null: the payer, who signs nothing. */
  readonly signedAtMs: number | null;
}

/** Who does not agree with what a statement paid says so; until that is resolved the payer pays that payee nothing more. */
@Injectable()
export class Disputes {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: DisputeStore,
    private readonly changes: ChangeRecords,
    private readonly outbox: Outbox,
    private readonly ids: Ids,
    private readonly clock: Clock,
  ) {}

  /** By the payer. Error: NOT_FOUND. */
  open({ tenant, statement, payee, reason }: RequestOf<Calls['openDispute']>): Promise<PayoutDispute> {
    return this.put(tenant, { statement, payee, reason, openedBy: 'payer', signedAtMs: null });
  }

  /** By the payee, who signed it. The same signature again answers what it opened, though that be resolved: it opens nothing anew. Errors: NOT_ALLOWED, NOT_FOUND. */
  openByPayee({ payee, statement, reason, signedAtMs, signature }: RequestOf<Calls['openPayeeDispute']>): Promise<PayoutDispute> {
    if (!signedJustNow(payee, (atMs) => payeeDisputeText(payee, statement, reason, atMs), { signedAtMs, signature }, this.clock.nowMs())) {
      throw failure('NOT_ALLOWED', `the signature is not ${payee}'s over the text for now: sign it anew with the payee's own key`);
    }
    return this.put('*', { statement, payee, reason, openedBy: 'payee', signedAtMs });
  }

  /** Errors: NOT_FOUND, NOT_ALLOWED. */
  async resolve({ actor, tenant, id, resolution, deployment }: RequestOf<Calls['resolveDispute']>): Promise<PayoutDispute> {
    const resolved = await withTenant(this.dataSource, tenant ?? '*', async (manager) => {
      const dispute = await this.store.lock(manager, id);
      if (dispute?.resolvedAtMs !== null) return dispute;
      if (dispute.openedBy === 'payee' && !deployment) throw failure('NOT_ALLOWED', 'a dispute that the payee opened is resolved by the operator of the deployment');
      await this.store.resolve(manager, id, this.clock.nowMs(), resolution);
      await this.changes.of(manager, dispute.tenant, 'dispute.resolved', id, { actor: actor.keyId, dispute: id, statement: dispute.statement, payee: dispute.payee, resolution });
      await this.outbox.event(manager, payoutRuleEvents.disputeResolved, { payee: dispute.payee, tenant: dispute.tenant, dispute: id, statement: dispute.statement });
      return this.store.lock(manager, id);
    });
    if (!resolved) throw failure('NOT_FOUND', 'there is no such dispute');
    this.outbox.kick();
    return resolved;
  }

  /** Error: REQUEST_INVALID. */
  async list({ tenant, after, limit }: RequestOf<Calls['listDisputes']>): Promise<ReplyOf<Calls['listDisputes']>> {
    if (after !== undefined && !uuid.safeParse(after).success) throw failure('REQUEST_INVALID', '"after" is the id of a dispute', { param: 'after' });
    const rows = await withTenant(this.dataSource, tenant ?? '*', (manager) => this.store.page(manager, { tenant, after, limit: limit + 1 }));
    return { data: rows.slice(0, limit), hasMore: rows.length > limit };
  }

  private async put(seen: string, { statement, reason, openedBy, signedAtMs, ...given }: Opening): Promise<PayoutDispute> {
    const payee = getAddress(given.payee.toLowerCase());
    const dispute = await withTenant(this.dataSource, seen, async (manager) => {
      const line = await this.store.line(manager, statement, payee);
      if (!line) throw failure('NOT_FOUND', `there is no statement ${statement} that pays ${payee}`);
      const opened: PayoutDispute = { id: this.ids.uuid(), tenant: line.tenant, statement, payee, units: line.units, openedBy, reason, openedAtMs: this.clock.nowMs(), resolvedAtMs: null, resolution: null };
      if (!(await this.store.insert(manager, opened, signedAtMs))) return (signedAtMs === null ? null : await this.store.signedAt(manager, statement, payee, signedAtMs)) ?? this.store.open(manager, statement, payee);
      await this.changes.of(manager, line.tenant, 'dispute.opened', opened.id, { dispute: opened.id, statement, payee, units: line.units.toString(), openedBy, reason });
      await this.outbox.event(manager, payoutRuleEvents.disputeOpened, { payee, tenant: line.tenant, dispute: opened.id, statement, openedBy });
      return opened;
    });
    if (!dispute) throw failure('CONFLICT', 'a dispute of this line was resolved in this very moment; open it again if it still stands');
    this.outbox.kick();
    return dispute;
  }
}
