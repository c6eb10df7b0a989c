import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { Outbox } from '#messaging';
import { failure, operatorRecord, priceBookHash, rulesJson } from '#protocol';
import type { PriceBook, RequestOf, priceBookCalls } from '#protocol';
import { withTenant } from '#service';
import { isApprovedBy, personOf } from '../approvals/two-persons.js';
import type { Named } from '../approvals/two-persons.js';
import { namedUuid } from '../ledger/chart-of-accounts.js';
import { PriceBooksStore } from './price-books.store.js';

type Calls = typeof priceBookCalls;

const named: Named = { noun: 'price book', short: 'a price book' };

/** Price books as people make them: one proposes, another approves. Both are entries of the log. */
@Injectable()
export class PriceBooks {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(PriceBooksStore) private readonly store: PriceBooksStore,
  ) {}

  /** Errors: IDEMPOTENCY_MISMATCH, NOT_ALLOWED. */
  async propose({ actor, id, ...asked }: RequestOf<Calls['propose']>): Promise<PriceBook> {
    const proposedBy = personOf(actor, named);
    const hash = priceBookHash(asked);
    const book = await withTenant(this.dataSource, '*', async (manager) => {
      const nowMs = this.clock.nowMs();
      const isNew = await this.store.propose(manager, { id, ...asked, hash, state: 'proposed', proposedBy, proposedAtMs: nowMs, approvedBy: null, approvedAtMs: null });
      const found = (await this.store.find(manager, id))!;
      if (found.hash !== hash) throw failure('IDEMPOTENCY_MISMATCH', 'a price book of this id says something else; use a new id', { id });
      if (isNew) await this.outbox.record(manager, operatorRecord({ id, type: 'price-book.proposed', timeMs: nowMs, fields: { book: id, hash, ...asked, rules: rulesJson(asked.rules), keyId: proposedBy }, facts: null }));
      return found;
    });
    this.outbox.kick();
    return book;
  }

  /** Errors: NOT_FOUND, NOT_ALLOWED, CONFLICT. */
  async approve({ actor, id, hash }: RequestOf<Calls['approve']>): Promise<PriceBook> {
    const approvedBy = personOf(actor, named);
    const approved = await withTenant(this.dataSource, '*', async (manager) => {
      await this.store.takeTurn(manager);
      const book = await this.store.find(manager, id);
      if (!book) throw failure('NOT_FOUND', 'there is no such price book', { id });
      if (isApprovedBy(book, approvedBy, hash, named)) return book;
      const nowMs = this.clock.nowMs();
      const effectiveFromMs = Math.max(book.effectiveFromMs, nowMs);
      await this.store.approve(manager, id, approvedBy, nowMs, effectiveFromMs);
      await this.outbox.record(manager, operatorRecord({ id: namedUuid('price-book.approved', id), type: 'price-book.approved', timeMs: nowMs, fields: { book: id, hash, effectiveFromMs, keyId: approvedBy }, facts: null }));
      return (await this.store.find(manager, id))!;
    });
    this.outbox.kick();
    return approved;
  }

  async list({ after, limit }: RequestOf<Calls['list']>): Promise<{ data: PriceBook[]; hasMore: boolean }> {
    const rows = await withTenant(this.dataSource, '*', (manager) => this.store.list(manager, after, limit + 1));
    return { data: rows.slice(0, limit), hasMore: rows.length > limit };
  }
}
