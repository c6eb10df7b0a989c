import { Inject, Injectable, Logger } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Bus } from '#messaging';
import { SERVICE_CONFIG, withTenant } from '#service';
import type { SchedulerConfig } from '../config.js';
import { missingRevocations, revocationsOf, withRevocations } from './account-claims.js';
import { ClaimsServer } from './claims-server.js';
import { NodeStore } from './nodes.store.js';

const retryMs = 1_000;

/**
 * Brings what the database says is revoked to the NATS server: after each revocation, at start, and when the server was away
 * (its claims may be older than ours). Only ever adds.
 */
@Injectable()
export class Revocations implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Revocations.name);
  private retry: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Bus) private readonly bus: Bus,
    @Inject(SERVICE_CONFIG) private readonly config: SchedulerConfig,
    @Inject(NodeStore) private readonly nodes: NodeStore,
  ) {}

  onApplicationBootstrap(): void {
    const push = (): void => void this.push().catch(() => undefined);
    this.bus.onReconnect(push);
    push();
  }

  onApplicationShutdown(): void {
    this.stopped = true;
    clearTimeout(this.retry);
  }

  /** Resolves when the server refuses every revoked node. Error: SERVICE_UNAVAILABLE; it is tried again by itself. */
  async push(): Promise<void> {
    try {
      await this.pushOnce();
    } catch (error) {
      this.logger.warn(`revocations: ${error instanceof Error ? error.message : String(error)}`);
      this.retryLater();
      throw error;
    }
  }

  /** One at a time over all schedulers: two that read, add and write would lose one addition. */
  private pushOnce(): Promise<void> {
    const { NATS_URL: url, SCHEDULER_SYSTEM_CREDS: credentialsFile, SCHEDULER_ACCOUNT_PUBLIC_KEY: account, SCHEDULER_OPERATOR_SEED: seed } = this.config;
    return withTenant(this.dataSource, '*', async (manager) => {
      await manager.query(`SELECT pg_advisory_xact_lock(hashtext('scheduler.account-claims'))`);
      const wanted = revocationsOf(await this.nodes.revokedKeys(manager));
      if (Object.keys(wanted).length === 0) return;
      await ClaimsServer.with({ url, credentialsFile, account }, async (server) => {
        const current = await server.lookup();
        const missing = missingRevocations(current, wanted);
        if (Object.keys(missing).length > 0) await server.update(await withRevocations(current, missing, seed));
      });
    });
  }

  private retryLater(): void {
    if (this.stopped) return;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.push().catch(() => undefined), retryMs);
  }
}
