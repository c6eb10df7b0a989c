import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '#kernel';
import type { DomainError, Nanos } from '#kernel';
import { Replicas, ReplicaView } from '#messaging';
import { failure, limitReplica, spendPeriodAt } from '#protocol';
import type { LimitEntry, LimitScope } from '#protocol';
import { SpendStore } from './spend.store.js';
import type { Spender } from './spend.store.js';

/** Of one limit: what is out in leases that it counts would have to come back. */
export interface SpendShort {
  readonly scope: LimitScope;
  readonly nanos: Nanos;
  readonly error: DomainError;
}

/**
 * What organisation, project and key may spend in a period, asked when money is leased: spent in the period + out in leases + the new
 * lease ≤ limit. What is out counts whole, whenever it was leased, so that no number of gateways spends more.
 */
@Injectable()
export class SpendLimits implements OnModuleInit {
  private view = new ReplicaView<LimitEntry>();

  constructor(
    @Inject(Replicas) private readonly replicas: Replicas,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(SpendStore) private readonly spend: SpendStore,
  ) {}

  async onModuleInit(): Promise<void> {
    this.view = await this.replicas.view(limitReplica);
  }

  /** Takes part in the order of the organisation's leases, if any of these limits is set: to be called before anything else is locked. */
  async takeTurn(manager: EntityManager, spender: Omit<Spender, 'budget'>): Promise<void> {
    if (this.limitsOf(spender).length > 0) await this.spend.takeTurn(manager, spender.tenant);
  }

  /** What may still be leased, `undefined` = no limit; and which limits leave less than `needNanos`, the widest first, with the error to tell: SPEND_LIMIT_REACHED. */
  async left(manager: EntityManager, spender: Spender, needNanos: Nanos): Promise<{ nanos: Nanos | undefined; short: readonly SpendShort[] }> {
    const nowMs = this.clock.nowMs();
    const short: SpendShort[] = [];
    let least: Nanos | undefined;
    for (const { scope, spend } of this.limitsOf(spender)) {
      const { fromMs, toMs } = spendPeriodAt(spend.period, nowMs);
      const left = spend.limitNanos - (await this.spend.spentAndLeased(manager, scope, spender, fromMs));
      if (needNanos > 0n && needNanos > left) short.push({ scope, nanos: needNanos - left, error: reached(scope, spend.period, toMs, nowMs) });
      if (least === undefined || left < least) least = left;
    }
    return { nanos: least, short };
  }

  private limitsOf({ tenant, project, keyId }: Omit<Spender, 'budget'>): (LimitEntry & { spend: NonNullable<LimitEntry['spend']> })[] {
    return [tenant, project, ...(keyId === undefined ? [] : [keyId])].flatMap((subject) => {
      const limit = this.view.get(subject);
      // A subject's id says nothing about whose limit it is: only its own organisation's counts.
      return limit?.tenant === tenant && limit.spend !== null ? [{ ...limit, spend: limit.spend }] : [];
    });
  }
}

function reached(scope: LimitScope, period: NonNullable<LimitEntry['spend']>['period'], toMs: number, nowMs: number): DomainError {
  if (period === 'total') return failure('SPEND_LIMIT_REACHED', `what is left of the ${scope}'s spend in all does not cover this request; raise its limit`, { scope });
  const told = `what is left of the ${scope}'s spend of this ${period} does not cover this request; the next begins at ${new Date(toMs).toISOString()}`;
  return failure('SPEND_LIMIT_REACHED', told, { scope, retryAfterMs: toMs - nowMs });
}
