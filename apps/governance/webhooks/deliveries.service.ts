import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock, isDomainError } from '#kernel';
import { PeriodicTask, withTenant } from '#service';
import type { StoredEntry } from '../audit/entries.store.js';
import { LogStore } from '../audit/log.store.js';
import { TenantStream } from '../exports/tenant-stream.store.js';
import { deadInARowMax, nextWaitMs } from './backoff.js';
import { deliveryOf, WebhookSender } from './webhook-sender.service.js';
import { WebhookSecrets } from './webhook-secrets.service.js';
import { WebhookStore, type Progress, type StoredWebhook } from './webhooks.store.js';
import { Webhooks } from './webhooks.service.js';

const lookEveryMs = 1_000;
/** Endpoints served at once by one process, each one delivery after the other. */
const endpointsAtOnce = 8;
/** Deliveries of one claim: 16 that each take the whole 15 s are just within it. */
const deliveriesPerClaim = 16;
const claimMs = 300_000;

/**
 * Delivers entries to endpoints in the order of the log, each at least once: an endpoint's position moves after its answer. What fails is tried
 * again; what fails for long is put aside as dead, and an endpoint where everything dies is disabled.
 */
@Injectable()
export class Deliveries extends PeriodicTask {
  constructor(
    private readonly dataSource: DataSource,
    private readonly store: WebhookStore,
    private readonly stream: TenantStream,
    private readonly log: LogStore,
    private readonly secrets: WebhookSecrets,
    private readonly sender: WebhookSender,
    private readonly webhooks: Webhooks,
    private readonly clock: Clock,
  ) {
    super(lookEveryMs, lookEveryMs);
  }

  runOnce(): Promise<void> {
    return this.deliver();
  }

  /** One round over what is due. Error: `DATABASE_UNAVAILABLE`. */
  async deliver(): Promise<void> {
    const nowMs = this.clock.nowMs();
    const { size, claimed } = await withTenant(this.dataSource, '*', async (manager) => {
      const head = await this.log.head(manager);
      return { size: head.size, claimed: await this.store.claim(manager, nowMs, nowMs + claimMs, head.size, endpointsAtOnce) };
    });
    await Promise.all(claimed.map((endpoint) => this.serve(endpoint, size, nowMs + claimMs)));
  }

  private async serve(endpoint: StoredWebhook, size: number, claimedUntilMs: number): Promise<void> {
    const { found, secrets, before } = await withTenant(this.dataSource, endpoint.tenant, async (manager) => ({
      found: await this.stream.page(manager, endpoint.tenant, endpoint.position, size, deliveriesPerClaim),
      before: endpoint.position < 0 ? null : await this.stream.lastUntil(manager, endpoint.tenant, endpoint.position),
      secrets: await this.secrets.open(manager, endpoint).catch((error: unknown) => (isDomainError(error) ? error : Promise.reject(error as Error))),
    }));
    let progress: Progress = { ...endpoint, position: found.length === 0 ? size - 1 : endpoint.position, nextAttemptMs: this.clock.nowMs() };
    let previous = before;
    for (const entry of found) {
      if (isWanted(endpoint, entry)) {
        const error = Array.isArray(secrets) ? await this.sender.send(endpoint.url, secrets, deliveryOf(entry, previous)) : secrets.message;
        progress = this.after(progress, entry, error);
        if (error !== null) {
          await this.keep(endpoint, claimedUntilMs, progress, entry, error);
          return;
        }
      } else progress = { ...progress, position: entry.index };
      previous = entry.index;
    }
    await this.keep(endpoint, claimedUntilMs, progress);
  }

  private after(progress: Progress, { index }: StoredEntry, error: string | null): Progress {
    const nowMs = this.clock.nowMs();
    if (error === null) return { ...progress, position: index, attempts: 0, deadInARow: 0, lastError: null, nextAttemptMs: nowMs };
    const attempts = progress.attempts + 1;
    const wait = nextWaitMs(attempts, Math.random());
    if (wait !== null) return { ...progress, attempts, lastError: error, nextAttemptMs: nowMs + wait };
    const deadInARow = progress.deadInARow + 1;
    return { ...progress, position: index, attempts: 0, deadInARow, lastError: error, nextAttemptMs: nowMs, state: deadInARow >= deadInARowMax ? 'disabled' : progress.state };
  }

  private async keep(endpoint: StoredWebhook, claimedUntilMs: number, progress: Progress, entry?: StoredEntry, error?: string): Promise<void> {
    await withTenant(this.dataSource, endpoint.tenant, async (manager) => {
      if (!(await this.store.progress(manager, endpoint.id, claimedUntilMs, progress)) || entry === undefined || error === undefined || progress.position !== entry.index) return;
      await this.store.bury(manager, endpoint.id, endpoint.tenant, { index: entry.index, record: entry.id, type: entry.type, attempts: endpoint.attempts + 1, error, diedAtMs: this.clock.nowMs() });
      if (progress.state === 'disabled') await this.webhooks.disabled(manager, endpoint, error);
    });
  }
}

/** By what was asked for when the entry came. */
function isWanted({ types, typesBefore }: StoredWebhook, { index, type }: StoredEntry): boolean {
  const of = typesBefore.find(({ before }) => index < before)?.types;
  const asked = of === undefined ? types : of;
  return asked === null || asked.includes(type);
}
