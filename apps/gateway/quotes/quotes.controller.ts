import { Body, Controller, Post } from '@nestjs/common';
import { Clock } from '#kernel';
import { Caller } from '#messaging';
import { agreementCalls, failure, quote, quoteRequest } from '#protocol';
import type { Quote, QuoteRequest } from '#protocol';
import { Authorise, deployment } from '../access/authorise.js';
import { CurrentPrincipal } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { Replies } from '../http/replies.js';
import { OfferBook } from '../market/offer-book.js';
import { Replicated } from '../replicated.js';
import { modelsOf } from '../request/model-chain.js';
import { quoteOf } from './quote.js';

/** What a request would cost, before it is sent. Reserves nothing. */
@Controller('v1/quotes')
export class QuotesController {
  constructor(
    private readonly book: OfferBook,
    private readonly replicated: Replicated,
    private readonly clock: Clock,
    private readonly caller: Caller,
  ) {}

  /** Errors: MODEL_NOT_FOUND, PRICE_UNKNOWN, REQUEST_INVALID, UNAVAILABLE (billing, which knows of discounts). */
  @Post()
  @Authorise('price.read', deployment)
  @Replies('The most that requests may cost, on each machine and line by line, under the prices in force; what is admitted keeps the price of its admission', quote)
  async quote(@CurrentPrincipal() principal: Principal, @Body({ schema: quoteRequest }) body: QuoteRequest): Promise<Quote> {
    const offers = modelsOf(this.replicated.aliases, principal.tenant, body.model).flatMap((model) => this.book.serving(model, body.endpoint));
    if (offers.length === 0) throw failure('MODEL_NOT_FOUND', `no machine offers "${body.model}" for ${body.endpoint}`, { param: 'model' });
    const ahead = await this.caller.call(agreementCalls.ahead, { tenant: principal.tenant });
    const quoted = quoteOf(body, offers, this.clock.nowMs(), ahead);
    if (!quoted) throw failure('PRICE_UNKNOWN', 'so much costs more than any book can hold; ask for less');
    return quoted;
  }
}
