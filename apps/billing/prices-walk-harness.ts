import { expect } from '@jest/globals';
import fc from 'fast-check';
import { monthAt } from './bills-model-harness.js';
import type { Books } from './books-harness.js';
import { PriceChanges } from './price-changes/price-changes.service.js';
import { PricesStore } from './prices/prices.store.js';
import { joinNode } from './records-harness.js';
import type { TestNode } from './records-harness.js';

/** Nanos of a token: those that divide a hundredth and those that do not. */
export const tokenPrices = [4_000_000n, 1_000_000n, 3_333_333n, 7_654_321n] as const;

export const priceCommands = { price: fc.constantFrom(...tokenPrices), self: fc.boolean(), monthsAhead: fc.nat(1) } as const;
interface PriceCommand {
  readonly price: bigint;
  /** Who proposes it would approve it, too. */
  readonly self: boolean;
  readonly monthsAhead: number;
}

/** Prices of one machine under random changes, in the books and in the model. */
export class PriceWalk {
  /** Of a token, in the model. */
  price: bigint = tokenPrices[0];
  /** What was approved for a day that has not come, in the order in which it begins. */
  private ahead: { readonly id: string; readonly price: bigint; readonly fromMs: number; readonly approvedAtMs: number }[] = [];

  private constructor(
    private readonly books: Books,
    private readonly persons: readonly { keyId: string; tenant: null }[],
    /** With its price in the books. */
    public node: TestNode,
  ) {}

  static async open(books: Books, persons: readonly { keyId: string; tenant: null }[]): Promise<PriceWalk> {
    return new PriceWalk(books, persons, await joinNode(books, tokenPrices[0] * 1_000_000n));
  }

  /** Proposed by one person, and approved by another or not at all. */
  async run(step: PriceCommand): Promise<void> {
    const nowMs = this.books.clock.nowMs();
    const [id, fromMs] = [this.books.ids.uuid(), step.monthsAhead === 0 ? nowMs : monthAt(nowMs, step.monthsAhead)];
    const { hash } = await this.books.get(PriceChanges).propose({ actor: this.persons[0]!, id, offer: this.node.offer, note: 'by hand', effectiveFromMs: fromMs, inputNanosPerMillion: step.price * 1_000_000n, outputNanosPerMillion: 0n });
    const approving = this.books.get(PriceChanges).approve({ actor: this.persons[step.self ? 0 : 1]!, id, hash });
    if (step.self) await expect(approving).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    else await approving;
    if (!step.self && step.monthsAhead > 0) this.ahead = [...this.ahead, { id, price: step.price, fromMs, approvedAtMs: nowMs }].sort((a, b) => a.fromMs - b.fromMs || a.approvedAtMs - b.approvedAtMs || (a.id < b.id ? -1 : 1));
    if (!step.self && step.monthsAhead === 0) this.price = step.price;
    await this.expectSame();
  }

  private async expectSame(): Promise<void> {
    const inForce = await this.books.within((manager) => this.books.get(PricesStore).inForce(manager, this.node.offer));
    expect(inForce).toMatchObject({ inputNanosPerMillion: this.price * 1_000_000n });
    this.node = { ...this.node, price: inForce! };
  }

  /** What was approved for a day that has come is in force. */
  async pass(): Promise<void> {
    const nowMs = this.books.clock.nowMs();
    for (const due of this.ahead.filter(({ fromMs }) => fromMs <= nowMs)) this.price = due.price;
    this.ahead = this.ahead.filter(({ fromMs }) => fromMs > nowMs);
    await this.expectSame();
  }
}
