import { Body, Controller, Get, Param, Post, Put, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { failure, legalHold, limits, retention, retentionCalls, retentionRules, sha256Hex, timeMs, uuid } from '#protocol';
import type { LegalHold, ReplyOf, Retention } from '#protocol';
import { Authorise, ownTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import type { PageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';
import { Replicated } from '../replicated.js';
import { Persons } from '../request/persons.js';

type Calls = typeof retentionCalls;

const newHold = z.object({
  reason: legalHold.shape.reason,
  reference: legalHold.shape.reference.default(null),
  /** Of one person only: the subject as requests declared it, or its pseudonym. */
  subject: z.string().trim().min(1).max(limits.headerValueCharsMax).regex(/^[\x20-\x7e]+$/, 'printable ASCII, as in the header').optional(),
  person: sha256Hex.optional(),
  /** Of records of this time only. */
  fromMs: timeMs.nullable().default(null),
  untilMs: timeMs.nullable().default(null),
});

/** How long records of requests are kept, and what keeps them from being deleted. */
@Controller('v1')
export class RetentionController {
  constructor(
    private readonly caller: Caller,
    private readonly replicated: Replicated,
    private readonly persons: Persons,
  ) {}

  @Get('retention')
  @Authorise('retention.read', ownTenant)
  @Replies('How long records of requests are kept', retention)
  get(@CurrentPrincipal() { tenant }: Principal): Promise<Retention> {
    return this.caller.call(retentionCalls.get, { tenant });
  }

  /** Error: REQUEST_INVALID when the own period is shorter than a law's. */
  @Put('retention')
  @Authorise('retention.write', ownTenant)
  @Replies('Sets which laws and which period of the organisation’s own say how long records of requests are kept; the longest counts, and without any they are kept until further notice', retention)
  put(@CurrentPrincipal() principal: Principal, @Body({ schema: retentionRules }) rules: z.output<typeof retentionRules>): Promise<Retention> {
    return this.caller.call(retentionCalls.put, { actor: actorOf(principal), tenant: principal.tenant, rules });
  }

  /** Errors: REQUEST_INVALID, STARTING. */
  @Post('legal-holds')
  @Authorise('hold.write', ownTenant)
  @Replies('Keeps records from being deleted or erased: all, those of a time, or those of a person', legalHold, 201)
  place(@CurrentPrincipal() principal: Principal, @Body({ schema: newHold }) { subject, person, ...hold }: z.output<typeof newHold>): Promise<LegalHold> {
    if (subject !== undefined && person !== undefined) throw failure('REQUEST_INVALID', 'either "subject" or "person"', { param: 'subject' });
    const pseudonym = subject === undefined ? (person ?? null) : this.pseudonym(principal, subject);
    return this.caller.call(retentionCalls.placeHold, { actor: actorOf(principal), tenant: principal.tenant, hold: { ...hold, person: pseudonym } });
  }

  @Get('legal-holds')
  @Authorise('hold.read', ownTenant)
  @Replies('Legal holds, newest first', retentionCalls.listHolds.reply)
  list(@CurrentPrincipal() { tenant }: Principal, @Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<Calls['listHolds']>> {
    return this.caller.call(retentionCalls.listHolds, { ...page, tenant });
  }

  /** Error: NOT_FOUND. */
  @Post('legal-holds/:id/release')
  @Authorise('hold.write', ownTenant)
  @Replies('Releases a hold; erasures that waited for it are done', legalHold, 201)
  release(@CurrentPrincipal() principal: Principal, @Param('id', { schema: uuid }) id: string): Promise<LegalHold> {
    return this.caller.call(retentionCalls.releaseHold, { actor: actorOf(principal), tenant: principal.tenant, id });
  }

  @Get('held-erasures')
  @Authorise('erasure.read', ownTenant)
  @Replies('Erasures that wait for a hold to be released, oldest first', retentionCalls.listHeld.reply)
  listHeld(@CurrentPrincipal() { tenant }: Principal, @Query({ schema: pageQuery }) page: PageQuery): Promise<ReplyOf<Calls['listHeld']>> {
    return this.caller.call(retentionCalls.listHeld, { ...page, tenant });
  }

  private pseudonym({ tenant }: Principal, subject: string): string {
    const entry = this.replicated.tenants.get(tenant);
    if (entry === undefined) throw failure('STARTING', 'the organisation of this API key is not known here yet; try again shortly');
    return this.persons.pseudonym(entry, subject);
  }
}
