import { setTimeout as pause } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '#kernel';
import { Replicas } from '#messaging';
import type { ReplicaView } from '#messaging';
import { failure, tenantReplica } from '#protocol';
import type { TenantEntry } from '#protocol';

/** An organisation that gateways know already is known here moments later. */
const waitMs = 2_000;
const againMs = 25;

/** What governance tells of organisations. */
@Injectable()
export class TenantEntries {
  private opening: Promise<ReplicaView<TenantEntry>> | undefined;
  private view: ReplicaView<TenantEntry> | undefined;

  constructor(
    @Inject(Replicas) private readonly replicas: Replicas,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Error: `STARTING` while the organisation is not known here. */
  async get(tenant: string): Promise<TenantEntry> {
    const entry = (await this.open()).get(tenant);
    if (entry === undefined) throw failure('STARTING', `the organisation ${tenant} is not known here yet; try again shortly`);
    return entry;
  }

  /** The same, and waits a little for what is on its way. */
  async soon(tenant: string): Promise<TenantEntry> {
    for (const endMs = this.clock.monotonicMs() + waitMs; this.clock.monotonicMs() < endMs; await pause(againMs)) {
      const entry = this.known().get(tenant);
      if (entry !== undefined) return entry;
    }
    return this.view === undefined ? Promise.reject(failure('STARTING', 'organisations are not known here yet; try again shortly')) : this.get(tenant);
  }

  /** Those that are known by now. */
  known(): ReadonlyMap<string, TenantEntry> {
    void this.open();
    return this.view?.entries() ?? new Map();
  }

  private open(): Promise<ReplicaView<TenantEntry>> {
    return (this.opening ??= this.replicas.view(tenantReplica).then((view) => (this.view = view)));
  }
}
