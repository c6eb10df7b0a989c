import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { priceBookCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { PriceBooks } from './price-books.service.js';

@Controller()
export class PriceBooksRpc {
  constructor(@Inject(PriceBooks) private readonly books: PriceBooks) {}

  @Serve(priceBookCalls.propose)
  propose(request: RequestOf<typeof priceBookCalls.propose>): Promise<ReplyOf<typeof priceBookCalls.propose>> {
    return this.books.propose(request);
  }

  @Serve(priceBookCalls.approve)
  approve(request: RequestOf<typeof priceBookCalls.approve>): Promise<ReplyOf<typeof priceBookCalls.approve>> {
    return this.books.approve(request);
  }

  @Serve(priceBookCalls.list)
  list(page: RequestOf<typeof priceBookCalls.list>): Promise<ReplyOf<typeof priceBookCalls.list>> {
    return this.books.list(page);
  }
}
