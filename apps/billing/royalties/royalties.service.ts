import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock } from '#kernel';
import { Outbox } from '#messaging';
import { failure } from '#protocol';
import type { RequestOf, royaltyCalls, RoyaltyLine, RoyaltyUse } from '#protocol';
import { namedUuid, payable } from '../ledger/chart-of-accounts.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { move, transfer } from '../ledger/transfer.js';
import { StatementsStore } from '../payables/statements.store.js';
import { TenantRecords } from '../records/tenant-records.service.js';
import { RoyaltiesStore } from './royalties.store.js';
import { split } from './split.js';

export interface Royalties {
  readonly record: string;
  readonly chargeNanos: bigint;
  readonly lines: RoyaltyLine[];
  /** What the machine's payee keeps. */
  readonly leftNanos: bigint;
}

const whole = 10_000;
/** An event said so. */
const nobody = { keyId: null, tenant: null };

@Injectable()
export class RoyaltiesService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(RoyaltiesStore) private readonly royalties: RoyaltiesStore,
    @Inject(StatementsStore) private readonly statements: StatementsStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(TenantRecords) private readonly records: TenantRecords,
  ) {}

  /**
   * Moves the owners' shares of a charge from its machine's payee to them, once per record, in the caller's transaction over all tenants; the log
   * has it under the record's own id.
   * Errors: NOT_FOUND, CONFLICT, IDEMPOTENCY_MISMATCH.
   */
  async note(manager: EntityManager, use: RoyaltyUse, actor: RequestOf<typeof royaltyCalls.note>['actor'] = nobody): Promise<Royalties> {
    const { record, tenant } = use;
    // No draw may take the charge between the look and the posting.
    await this.statements.lockTenant(manager, tenant);
    const charge = await this.royalties.charge(manager, tenant, record);
    if (!charge) throw failure('NOT_FOUND', 'there is no charge for this record yet', { record });
    const known = await this.royalties.ofRecord(manager, record);
    if (known.length > 0) {
      if (saidBy(known) !== saidBy(use.shares.map((share) => ({ ...share, use: use.use })))) throw failure('IDEMPOTENCY_MISMATCH', 'other shares of this record are booked, and stay', { record });
      return answer(record, charge.amountNanos, known);
    }
    if (charge.payee === null) throw failure('CONFLICT', 'the payee of this machine is not known yet; try again when its enrolment is', { record });
    if (charge.isDrawn) throw failure('CONFLICT', 'what this record earned is drawn for the chain already; shares are given before that', { record });
    if (charge.isRefuted) throw failure('CONFLICT', 'verification refuted this work, and what it earned is credited; shares are given before that', { record });
    const { payee } = charge;
    // One order of shares, so that the same shares are divided in the same way.
    const shares = use.shares.map((share) => ({ ...share, owner: share.owner.toLowerCase() })).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    const left = whole - shares.reduce((sum, { basisPoints }) => sum + basisPoints, 0);
    const amounts = split(charge.amountNanos, [...shares.map(({ basisPoints }) => BigInt(basisPoints)), BigInt(left)]);
    const lines = shares.map((share, index): RoyaltyLine => ({ ...share, record, tenant, use: use.use, amountNanos: amounts[index]!, payer: payee, bookedAtMs: this.clock.nowMs() }));
    await this.royalties.insert(manager, lines);
    await this.ledger.post(manager, [transfer(namedUuid('royalty', record), 'royalty.split', tenant, lines.flatMap(({ owner, amountNanos }) => move(payable(tenant, owner), payable(tenant, payee), amountNanos)))]);
    const said = lines.map(({ owner, dataset, basisPoints, amountNanos }) => ({ owner, dataset, basisPoints, amountNanos: amountNanos.toString() }));
    const fields = { actor, record, use: use.use, dividedNanos: charge.amountNanos.toString(), payer: payee, lines: said };
    await this.outbox.record(manager, await this.records.seal(tenant, { id: record, type: 'royalties.noted', timeMs: this.clock.nowMs(), fields, facts: null }));
    return answer(record, charge.amountNanos, lines);
  }
}

const keyOf = ({ owner, dataset }: { owner: string; dataset: string }): string => `${owner.toLowerCase()} ${dataset}`;

const saidBy = (shares: readonly { owner: string; dataset: string; basisPoints: number; use: string }[]): string => shares.map((share) => `${keyOf(share)} ${share.basisPoints} ${share.use}`).sort().join('\n');

function answer(record: string, chargeNanos: bigint, lines: RoyaltyLine[]): Royalties {
  return { record, chargeNanos, lines, leftNanos: lines.reduce((left, { amountNanos }) => left - amountNanos, chargeNanos) };
}
