import { Inject, Injectable } from '@nestjs/common';
import type { OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Replicas, ReplicaView } from '#messaging';
import { limitReplica } from '#protocol';
import type { LimitEntry, SpendAlert } from '#protocol';
import { BudgetsStore } from '../budgets/budgets.store.js';

/** What an alert's thresholds are shares of. */
@Injectable()
export class HardLimits implements OnModuleInit {
  private view = new ReplicaView<LimitEntry>();

  constructor(
    @Inject(Replicas) private readonly replicas: Replicas,
    @Inject(BudgetsStore) private readonly budgets: BudgetsStore,
  ) {}

  async onModuleInit(): Promise<void> {
    this.view = await this.replicas.view(limitReplica);
  }

  /** In the order of the alerts; `null` where none is in force. A hard limit of another period says nothing about this one. */
  async of(manager: EntityManager, alerts: readonly SpendAlert[]): Promise<(bigint | null)[]> {
    const limits: (bigint | null)[] = [];
    for (const { tenant, scope, subject, period, amountNanos } of alerts) {
      const entry = this.view.get(subject);
      const hard = entry?.tenant === tenant && entry.spend?.period === period ? entry.spend.limitNanos : null;
      const budget = amountNanos === null && scope === 'project' && period === 'total' ? (await this.budgets.find(manager, tenant, subject))?.limitNanos : undefined;
      limits.push(amountNanos ?? least(hard, budget ?? null));
    }
    return limits;
  }
}

const least = (a: bigint | null, b: bigint | null): bigint | null => (a === null ? b : b === null || a < b ? a : b);
