import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import type { Nanos } from '#kernel';
import type { LeaseRecall } from '#protocol';
import { withTenant } from '#service';
import { budgetAccounts, namedUuid } from '../ledger/chart-of-accounts.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { move, transfer } from '../ledger/transfer.js';
import type { Transfer } from '../ledger/transfer.js';
import { LeaseHolders } from './lease-holders.js';
import { givenBack } from './lease-return.js';
import { LeasesStore } from './leases.store.js';
import { takeAnswers } from './recall-answers.js';
import type { SaidOf } from './recall-answers.js';
import { RecallRounds } from './recall-rounds.js';

/** How long a round waits for its gateways: some ten crossings of a bus, so that two rounds and their rest fit into a gateway's two seconds. */
const answersWaitMs = 200;

/** What is missing for a lease, and which leases it may lie in. */
export interface Lack extends LeaseRecall {
  /** At least so much. */
  readonly nanos: Nanos;
}

/** The one of several for the same lease whose leases hold those of all others. */
export function widest(lacks: readonly [Lack, ...Lack[]]): Lack {
  return lacks.find(({ budget }) => budget === null) ?? lacks.find(({ keyId }) => keyId === undefined) ?? lacks[0];
}

/**
 * Asks gateways for what they hold and do not need, when a request elsewhere is short of it. What they give up is in the budget at once: unlike a lease that
 * ends, it does not wait for the books. Nobody is waited for longer than a moment; who is silent keeps what it has until its leases expire.
 */
@Injectable()
export class RecallService {
  private readonly logger = new Logger(RecallService.name);
  private readonly rounds = new RecallRounds();

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(LeaseHolders) private readonly holders: LeaseHolders,
    @Inject(LeasesStore) private readonly leases: LeasesStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
  ) {}

  /** Gets back what can be had, in a round that begins after the call; `false` when nothing came, or all that is out would not do for one of `lacks`. */
  async recall(lacks: readonly [Lack, ...Lack[]]): Promise<boolean> {
    for (const lack of lacks) {
      const out = await this.outstanding(lack);
      if (out.reduce((sum, { nanos }) => sum + nanos, 0n) < lack.nanos) return false;
    }
    const { tenant, budget, keyId } = widest(lacks);
    return this.rounds.join(`${tenant} ${budget ?? '*'} ${keyId ?? '*'}`, () => this.ask({ tenant, budget, keyId }));
  }

  /** What holders have given up, in the caller's transaction. Answers the sum. */
  async giveBack(manager: EntityManager, said: readonly SaidOf[]): Promise<Nanos> {
    const leases = await this.leases.lockHeld(manager, said.map(({ lease }) => lease));
    const given = new Map<string, Nanos>();
    for (const { lease: id, gateway, fence, usedNanosMax } of said) {
      const lease = leases.get(id);
      if (lease?.gateway !== gateway || lease.fence !== fence) continue;
      const before = given.get(id) ?? 0n;
      const nanos = before + givenBack({ open: lease.open, grantedNanos: lease.grantedNanos - before, remainingNanos: lease.remainingNanos - before }, usedNanosMax);
      if (nanos > 0n) given.set(id, nanos);
    }
    if (given.size === 0) return 0n;
    const transfers = [...given].map(([id, nanos]): Transfer => {
      const { budget, tenant, returnedNanos } = leases.get(id)!;
      const { available, leased } = budgetAccounts(budget, tenant);
      // By how much has been returned: each part of a lease is posted once.
      return transfer(namedUuid('lease.return', id, (returnedNanos + nanos).toString()), 'lease.return', tenant, move(leased, available, nanos));
    });
    await this.leases.giveBack(manager, given);
    await this.ledger.post(manager, transfers);
    return [...given.values()].reduce((sum, nanos) => sum + nanos, 0n);
  }

  private outstanding(recall: LeaseRecall): ReturnType<LeasesStore['outstanding']> {
    return withTenant(this.dataSource, recall.tenant, (manager) => this.leases.outstanding(manager, recall));
  }

  private async ask(recall: LeaseRecall): Promise<boolean> {
    const gateways = await this.outstanding(recall);
    const asked = gateways.map(async ({ gateway }) => (await this.holders.recall(gateway, recall)).map((lease) => ({ ...lease, gateway })));
    const book = (said: readonly SaidOf[]): Promise<Nanos> => withTenant(this.dataSource, '*', (manager) => this.giveBack(manager, said));
    // Who is gone or silent is none of the request's business; its leases expire.
    const backNanos = await takeAnswers(asked, book, answersWaitMs, (error) => this.logger.debug(`recall: ${error instanceof Error ? error.message : String(error)}`));
    return backNanos > 0n;
  }
}
