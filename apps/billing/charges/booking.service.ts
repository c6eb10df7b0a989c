import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { Clock, nanosMax } from '#kernel';
import type { AdmittedFacts, LogRecord } from '#protocol';
import { withTenant } from '#service';
import { AdmissionsStore } from '../admissions/admissions.store.js';
import { AnomaliesStore } from '../anomalies/anomalies.store.js';
import { anomalyKinds } from '../anomalies/anomaly.js';
import type { Anomaly } from '../anomalies/anomaly.js';
import type { Earned } from '../holdbacks/holding.service.js';
import { Holding } from '../holdbacks/holding.service.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { useLeases } from '../leases/lease-usage.js';
import type { LeaseBalance } from '../leases/lease-usage.js';
import { LeasesStore } from '../leases/leases.store.js';
import type { Payee } from '../nodes/nodes.store.js';
import { ReceiptsStore } from '../receipts/receipts.store.js';
import { contestedReceipt, verifiedReceipt } from '../receipts/receipt.js';
import { UsageStore } from '../usage/usage.store.js';
import { BookingTerms } from './booking-terms.js';
import type { FixedPrice } from './booking-terms.js';
import { chargeTransfer, partsOf, priceAnomalies } from './charge.js';
import type { Charge, ChargeParts } from './charge.js';
import { ChargesStore } from './charges.store.js';
import { recordBatch } from './record-batch.js';

/** What is looked up before anything is booked. */
interface Known {
  readonly leases: ReadonlyMap<string, LeaseBalance>;
  readonly holds: ReadonlyMap<string, { lease: string; keptNanos: bigint }>;
  readonly prices: ReadonlyMap<string, FixedPrice>;
  readonly parts: ReadonlyMap<Charge, ChargeParts>;
  readonly payees: ReadonlyMap<string, Payee>;
}

/**
 * Brings a batch of decision records into the books, in one transaction: all of it or nothing, and nothing twice. Locks are
 * taken in one order everywhere: leases, admissions, charges, accounts, usage, each by id.
 */
@Injectable()
export class BookingService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(LeasesStore) private readonly leases: LeasesStore,
    @Inject(AdmissionsStore) private readonly admissions: AdmissionsStore,
    @Inject(ChargesStore) private readonly charges: ChargesStore,
    @Inject(BookingTerms) private readonly terms: BookingTerms,
    @Inject(ReceiptsStore) private readonly receipts: ReceiptsStore,
    @Inject(AnomaliesStore) private readonly anomalies: AnomaliesStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
    @Inject(UsageStore) private readonly usage: UsageStore,
    @Inject(Holding) private readonly holding: Holding,
  ) {}

  /** Any order, any number of times: the first end of a record in the stream is its charge. */
  async book(records: readonly LogRecord[]): Promise<void> {
    const { admitted, charges, conflicting } = recordBatch(records);
    if (admitted.length === 0 && charges.length === 0) return;
    await withTenant(this.dataSource, '*', async (manager) => {
      // Work that was begun again may end under another lease than it was admitted under.
      const named = [...new Set([...admitted.map(({ lease }) => lease), ...charges.map(({ facts }) => facts.lease)])];
      const leases = await this.leases.lock(manager, named, charges.map(({ facts }) => facts.record));
      const opened = await this.admissions.open(manager, admitted, (facts) => (facts.holdNanos >= 0n && facts.holdNanos <= nanosMax ? facts.holdNanos : 0n));
      await this.anomalies.add(manager, [...staleFences(admitted, leases), ...conflicting.map(conflict)]);
      const fresh = charges.length > 0 ? await this.charge(manager, charges, leases, opened.fresh) : [];
      await this.usage.add(manager, fresh, opened.learnt, charges.some(({ facts }) => facts.usage.meters !== undefined));
    });
  }

  /** Answers the records that are charged by now and were not before. */
  private async charge(manager: EntityManager, charges: readonly Charge[], leases: ReadonlyMap<string, LeaseBalance>, opened: ReadonlySet<string>): Promise<string[]> {
    // For what was admitted in this very batch no lease has kept anything.
    const holds = await this.admissions.holds(manager, charges.flatMap(({ facts: { record } }) => (opened.has(record) ? [] : [record])));
    const prices = await this.terms.pricesOf(manager, charges.map(({ facts }) => facts.priceVersion));
    const parts = new Map(charges.map((charge) => [charge, partsOf(charge, prices.get(charge.facts.priceVersion))]));
    const freshRecords = await this.charges.insert(manager, charges, parts);
    const fresh = charges.filter(({ facts }) => freshRecords.has(facts.record));
    await this.flagConflicts(manager, charges.filter(({ facts }) => !freshRecords.has(facts.record)));
    const payees = await this.terms.payeesOf(manager, charges.map(({ facts }) => facts.node));
    if (fresh.length > 0) await this.post(manager, fresh, { leases, holds, prices, parts, payees });
    await this.keepReceipts(manager, charges, payees);
    return [...freshRecords];
  }

  private async post(manager: EntityManager, fresh: readonly Charge[], { leases, holds, prices, parts, payees }: Known): Promise<void> {
    const facts = fresh.map((charge) => charge.facts);
    const budgetTenants = await this.terms.budgetTenantsOf(manager, facts.map(({ budget }) => budget));
    const uses = fresh.map(({ facts: { record, tenant, budget, lease }, amountNanos }) => ({ record, tenant, budget, lease, amountNanos, keptNanos: holds.get(record)?.keptNanos ?? 0n, keptBy: holds.get(record)?.lease ?? lease }));
    const { bookings, remaining } = useLeases(leases, uses);
    const found: Anomaly[] = [];
    const transfers = fresh.map((charge, index) => {
      const { record, tenant, node, budget, priceVersion } = charge.facts;
      const use = bookings[index]!;
      const hasBudget = budgetTenants.get(budget) === tenant;
      found.push(...priceAnomalies(charge, prices.get(priceVersion)));
      if (!hasBudget) found.push({ kind: anomalyKinds.unknownBudget, subject: record, tenant, detail: { budget } });
      else if (use.anomaly && charge.amountNanos > 0n) found.push({ kind: use.anomaly, subject: record, tenant, detail: { lease: charge.facts.lease, nanos: use.fromAvailableNanos.toString() } });
      return chargeTransfer(charge, parts.get(charge)!, use, payees.get(node)?.payoutAddress, hasBudget);
    });
    await this.leases.setRemaining(manager, remaining);
    await this.admissions.end(manager, fresh.map(({ facts: ended, recordType }) => ({ facts: ended, state: recordType })));
    await this.anomalies.add(manager, found);
    const held = await this.holding.hold(manager, fresh.map((charge) => heldOf(charge, parts.get(charge)!, payees.get(charge.facts.node)?.payoutAddress)));
    await this.ledger.post(manager, [...transfers, ...held]);
  }

  private async flagConflicts(manager: EntityManager, known: readonly Charge[]): Promise<void> {
    if (known.length === 0) return;
    const hashes = await this.charges.inputHashes(manager, known.map(({ facts }) => facts.record));
    await this.anomalies.add(manager, known.filter(({ facts, inputHash }) => hashes.get(facts.record) !== inputHash).map(conflict));
  }

  /** Receipts that came with the records, and those that came before them. */
  private async keepReceipts(manager: EntityManager, charges: readonly Charge[], payees: ReadonlyMap<string, Payee>): Promise<void> {
    const withReceipt = charges.filter(({ facts }) => facts.receipt !== null);
    const opened = withReceipt.map(({ facts }) => verifiedReceipt(facts.receipt!, facts.node, payees.get(facts.node)?.publicKey));
    const conflicting = await this.receipts.add(manager, opened.flatMap((result) => (result.receipt ? [result.receipt] : [])), this.clock.nowMs());
    await this.anomalies.add(manager, [...conflicting.map(contestedReceipt), ...opened.flatMap((result, index) => (result.receipt ? [] : [badReceipt(withReceipt[index]!)]))]);
    await this.receipts.match(manager, charges.map(({ facts }) => facts.record));
  }
}

const heldOf = ({ facts: { record, tenant, node, offer } }: Charge, { earnedNanos }: ChargeParts, payee: string | undefined): Earned => ({ record, tenant, node, offer, earnedNanos, payee });

function staleFences(admitted: readonly AdmittedFacts[], leases: ReadonlyMap<string, LeaseBalance>): Anomaly[] {
  return admitted.flatMap(({ record, tenant, lease, fence }) => {
    const known = leases.get(lease);
    return known && known.fence !== fence ? [{ kind: anomalyKinds.staleFence, subject: record, tenant, detail: { lease, fence, leaseFence: known.fence } }] : [];
  });
}

const conflict = ({ facts, recordType, amountNanos }: Charge): Anomaly => ({
  kind: anomalyKinds.completedConflict,
  subject: facts.record,
  tenant: facts.tenant,
  detail: { recordType, closedBy: facts.closedBy, chargeNanos: amountNanos.toString() },
});

const badReceipt = ({ facts }: Charge): Anomaly => ({ kind: anomalyKinds.receiptSignature, subject: `${facts.record} ${facts.node}`, tenant: facts.tenant, detail: { node: facts.node } });
