import { isDomainError } from '#kernel';
import type { LogRecord, UsedLease } from '#protocol';
import { BudgetsService } from '../../../apps/billing/budgets/budgets.service.js';
import { BookingService } from '../../../apps/billing/charges/booking.service.js';
import type { Books } from '../../../apps/billing/books-harness.js';
import { LeasesService } from '../../../apps/billing/leases/leases.service.js';
import { ReclaimService } from '../../../apps/billing/leases/reclaim.service.js';
import { admittedFacts, completedFacts, joinNode, openMarket, recordOf } from '../../../apps/billing/records-harness.js';
import type { Market } from '../../../apps/billing/records-harness.js';
import { LeaseIssuer } from '../../../apps/gateway/request/lease-issuer.js';
import type { Lease, LeaseRequest } from '../../../apps/gateway/request/lease-issuer.js';
import { LeaseBook } from '../../../apps/gateway/request/reserve.js';

const tickMs = 50;
const requestsPerSecond = 100;
/** Records booked in one transaction, as the consumer does. */
const bookMax = 1_000;

export interface Stranding {
  readonly requests: number;
  /** Of simulated time, until the first refusal. */
  readonly seconds: number;
  readonly grants: number;
  /** Questions to single gateways for what they do not need. */
  readonly recalls: number;
  /** Not spent when a gateway was first refused, as a share of the budget; nothing is in flight then. */
  readonly strandedShare: number;
  readonly overspentNanos: bigint;
}

/** Gateways' own lease books against the real books: time is simulated, every lease, hold and charge is real. Gateway n has 1/n of the first one's load. */
export async function simulateLeases(books: Books, gateways: number, requests: number): Promise<Stranding> {
  const node = await joinNode(books);
  const limitNanos = BigInt(requests) * 800n;
  const market = await openMarket(books, limitNanos);
  const usage = new Usage(books);
  const issuers = Array.from({ length: gateways }, (_, index) => new DirectLeases(books, market, `gateway-${index}`, usage));
  const ledgers = issuers.map((issuer) => new LeaseBook(issuer, books.clock));
  let recalls = 0;
  for (const [index, ledger] of ledgers.entries()) books.holders.gateways.set(`gateway-${index}`, (recall) => ((recalls += 1), ledger.recall(recall)));
  const weights = issuers.map((_, index) => 1 / (index + 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const due = weights.map(() => 0);
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
  let done = 0;
  const startedMs = books.clock.nowMs();
  for (let refused = false; !refused; books.clock.advance(tickMs)) {
    for (const [index, ledger] of ledgers.entries()) {
      due[index]! += (requestsPerSecond * tickMs * weights[index]!) / total / 1_000;
      for (; due[index]! >= 1 && !refused; due[index]! -= 1) {
        const holdNanos = 500 + random(1_000);
        try {
          const hold = await ledger.hold(market.tenant, market.project, BigInt(holdNanos));
          const actual = Math.floor((holdNanos * (60 + random(41))) / 100);
          ledger.settle(hold, BigInt(actual));
          const admitted = admittedFacts(books.ids, market, { ...hold, ttlMs: 0 }, node, { gateway: `gateway-${index}`, holdNanos: BigInt(holdNanos), admittedAtMs: books.clock.nowMs(), deadlineMs: books.clock.nowMs() + 120_000 });
          await usage.add(recordOf(admitted), recordOf(completedFacts(admitted, node, actual)));
          done += 1;
        } catch (error) {
          if (!isDomainError(error, 'BUDGET_EXHAUSTED')) throw error;
          refused = true;
        }
      }
      if (refused) break;
    }
  }
  const seconds = (books.clock.nowMs() - startedMs) / 1_000;
  await usage.flush();
  await Promise.all(issuers.map((issuer) => issuer.settled()));
  const [budget] = await books.get(BudgetsService).list(market.tenant);
  const stranded = limitNanos - budget!.spentNanos;
  books.clock.advance(60_000);
  while ((await books.get(ReclaimService).runOnce()) > 0);
  return { requests: done, seconds, grants: issuers.reduce((sum, { grants }) => sum + grants, 0), recalls, strandedShare: Number(stranded) / Number(limitNanos), overspentNanos: stranded < 0n ? -stranded : 0n };
}

/** Records that are on their way into the books. */
class Usage {
  private records: LogRecord[] = [];
  constructor(private readonly books: Books) {}

  async add(...records: LogRecord[]): Promise<void> {
    this.records.push(...records);
    if (this.records.length >= bookMax) await this.flush();
  }

  async flush(): Promise<void> {
    const records = this.records;
    this.records = [];
    await this.books.get(BookingService).book(records);
  }
}

/** Leases from the books without a network. What was used is booked before anything is asked, as the books here say they have caught up. */
class DirectLeases extends LeaseIssuer {
  grants = 0;
  private readonly releases: Promise<void>[] = [];

  constructor(
    private readonly books: Books,
    private readonly market: Market,
    private readonly gateway: string,
    private readonly usage: Usage,
  ) {
    super();
  }

  async acquire({ needNanos, demandNanosPerSecond }: LeaseRequest): Promise<Lease> {
    await this.settled();
    await this.usage.flush();
    this.grants += 1;
    return this.market.acquire(this.gateway, needNanos, demandNanosPerSecond);
  }

  release({ lease, fence, usedNanosMax }: UsedLease): Promise<void> {
    const released = this.books.get(LeasesService).release(lease, this.gateway, fence, usedNanosMax).then(() => undefined);
    this.releases.push(released);
    return released;
  }

  async settled(): Promise<void> {
    await Promise.all(this.releases.splice(0));
  }
}
