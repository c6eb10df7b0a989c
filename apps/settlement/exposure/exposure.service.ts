import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { Clock } from '#kernel';
import { Bus, Caller, Outbox } from '#messaging';
import { billingCalls, exposureReplica, nodeExposureMessage, nodeSubjects } from '#protocol';
import type { ExposureEntry, PayeeExposure } from '#protocol';
import { withTenant } from '#service';
import { ChainLink } from '../chain/chain-link.js';
import { PayerGate } from '../admission/payer-gate.service.js';
import { ChainEventStore } from '../chain-events/chain-event.store.js';
import { Rates } from '../conversions/rates.service.js';
import { PayerStore } from '../payers/payer.store.js';
import type { Payer } from '../payers/payer.store.js';
import { exposureOf, isSameExposure } from './exposure.js';
import type { Exposure } from './exposure.js';
import { ExposureStore } from './exposure.store.js';
import { PaidDebts } from './paid-debts.store.js';

/**
 * Watches what each payer owes against the deposit that pays it, and tells gateways, which take no work above it, and the payees' machines.
 * It follows from the books, the statements and the chain; only the sums of what statements paid are kept.
 */
@Injectable()
export class ExposureService {
  private readonly known = new Map<string, Exposure>();

  constructor(
    private readonly dataSource: DataSource,
    private readonly caller: Caller,
    private readonly bus: Bus,
    private readonly chain: ChainLink,
    private readonly payers: PayerStore,
    private readonly store: ExposureStore,
    private readonly outbox: Outbox,
    private readonly clock: Clock,
    private readonly rates: Rates,
    private readonly events: ChainEventStore,
    private readonly gate: PayerGate,
    private readonly paid: PaidDebts,
  ) {}

  /** Looks at every payer. Errors: CHAIN_UNAVAILABLE, SERVICE_UNAVAILABLE (billing). */
  async round(): Promise<void> {
    const changed = new Set<string>();
    for (const payer of await withTenant(this.dataSource, '*', (manager) => this.payers.all(manager))) {
      const before = this.known.get(payer.tenant);
      const now = await this.look(payer);
      this.known.set(payer.tenant, now);
      if (isSameExposure(before, now)) continue;
      await withTenant(this.dataSource, '*', (manager) => this.outbox.replica(manager, exposureReplica, payer.tenant, entryOf(now)));
      for (const payee of [...now.unsettled.keys(), ...(before?.unsettled.keys() ?? [])]) changed.add(payee);
    }
    this.outbox.kick();
    await this.tell([...changed]);
  }

  /** As last seen; of one tenant or all. */
  list(tenant: string | null): ExposureEntry[] {
    return [...this.known.values()].filter((exposure) => tenant === null || exposure.tenant === tenant).map(entryOf);
  }

  /** What a payee risks with each payer that owes it something. */
  of(payee: string): PayeeExposure[] {
    const address = payee.toLowerCase();
    return [...this.known.values()].flatMap((exposure) => {
      const unsettledNanos = exposure.unsettled.get(address);
      if (unsettledNanos === undefined) return [];
      const { payer, availableUnits, thawingUnits, thawEndsAtMs, finalBlock, nanosPerUnit, unsettledNanos: allUnsettledNanos, usableNanos, atMs } = exposure;
      const escrow = this.chain.escrow.address;
      const covered = allUnsettledNanos <= usableNanos;
      return [{ payer, chainId: Number(this.chain.chainId), escrow, availableUnits, thawingUnits, thawEndsAtMs, finalBlock, nanosPerUnit, unsettledNanos, allUnsettledNanos, covered, atMs }];
    });
  }

  /** First what is settled, then the chain, then what was earned: whatever happens in between makes the exposure look larger, never smaller. */
  private async look({ tenant, address, jurisdiction }: Payer): Promise<Exposure> {
    const par = await this.chain.nanosPerUnit();
    const settled = await withTenant(this.dataSource, tenant, (manager) => this.paid.of(manager, tenant, par));
    const { number } = await this.chain.finalized();
    const { available, thawing, thawEndsAt } = await this.chain.escrow.payer(address, number);
    const lost = await withTenant(this.dataSource, '*', (manager) => this.events.takenBack(manager, address));
    const refused = lost.length > 0 || (await this.gate.refusal(address, { address, jurisdiction })) !== null;
    const held = await withTenant(this.dataSource, '*', (manager) => this.events.heldUnits(manager, address));
    const atMs = this.clock.nowMs();
    const { data } = await this.caller.call(billingCalls.listPayables, { tenant });
    const facts = {
      tenant,
      payer: address,
      availableUnits: available,
      thawingUnits: thawing,
      thawEndsAtMs: thawing === 0n ? null : Number(thawEndsAt) * 1_000,
      finalBlock: number,
      atMs,
    };
    return exposureOf(facts, data.map(({ payee, earnedNanos }) => ({ payee: payee.toLowerCase(), earnedNanos })), settled, await this.rates.known(), refused ? available : held);
  }

  /** A lost message does no harm: the next change is told whole. */
  private async tell(payees: readonly string[]): Promise<void> {
    if (payees.length === 0) return;
    for (const [payee, nodes] of await withTenant(this.dataSource, '*', (manager) => this.store.nodesOf(manager, payees))) {
      const message = JSON.stringify(z.encode(nodeExposureMessage, { v: 1, data: this.of(payee) }));
      for (const node of nodes) this.bus.connection.publish(nodeSubjects.exposure(node), message);
    }
  }
}

const entryOf = ({ tenant, payer, usableNanos, unsettledNanos, atMs }: Exposure): ExposureEntry => ({ tenant, payer, usableNanos, unsettledNanos, atMs });
