import { Body, Controller, Get, Param, Post, Query } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { erasure, erasureCalls, erasureGround, failure, limits, sha256Hex, uuid } from '#protocol';
import type { Erasure, ReplyOf } from '#protocol';
import { Authorise, ownTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { pageQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';
import { Replicated } from '../replicated.js';
import { Persons } from '../request/persons.js';

const request = z
  .object({
    /** The subject as requests declared it in `x-mizan-subject`. */
    subject: z.string().trim().min(1).max(limits.headerValueCharsMax).regex(/^[\x20-\x7e]+$/, 'printable ASCII, as in the header').optional(),
    /** Its pseudonym, as records show it; in place of `subject`. */
    person: sha256Hex.optional(),
    basis: erasureGround,
    reference: erasureGround.nullish(),
  })
  .refine(({ subject, person }) => (subject === undefined) !== (person === undefined), { message: 'either "subject" or "person"', path: ['subject'] });
const listQuery = pageQuery.extend({ person: sha256Hex.optional() });

/** Erases what names a person. The record stays in the log, and says that it is erased. */
@Controller('v1/erasures')
export class ErasuresController {
  constructor(
    private readonly caller: Caller,
    private readonly replicated: Replicated,
    private readonly persons: Persons,
  ) {}

  /** The subject goes no further than this. Errors: NOT_FOUND, STARTING. */
  @Post()
  @Authorise('erasure.write', ownTenant)
  @Replies('Destroys the key and the salts of everything that names a person in records; the same person again: the same erasure', erasure, 201)
  erase(@CurrentPrincipal() principal: Principal, @Body({ schema: request }) body: z.output<typeof request>): Promise<Erasure> {
    const entry = this.replicated.tenants.get(principal.tenant);
    if (entry === undefined) throw failure('STARTING', 'the organisation of this API key is not known here yet; try again shortly');
    const person = body.person ?? this.persons.pseudonym(entry, body.subject!);
    return this.caller.call(erasureCalls.erase, { actor: actorOf(principal), tenant: principal.tenant, person, basis: body.basis, reference: body.reference ?? null });
  }

  @Get()
  @Authorise('erasure.read', ownTenant)
  @Replies('Erasures, newest first', erasureCalls.list.reply)
  list(@CurrentPrincipal() { tenant }: Principal, @Query({ schema: listQuery }) query: z.output<typeof listQuery>): Promise<ReplyOf<typeof erasureCalls.list>> {
    return this.caller.call(erasureCalls.list, { ...query, tenant });
  }

  @Get(':id')
  @Authorise('erasure.read', ownTenant)
  @Replies('One erasure', erasure)
  get(@CurrentPrincipal() { tenant }: Principal, @Param('id', { schema: uuid }) id: string): Promise<Erasure> {
    return this.caller.call(erasureCalls.get, { tenant, id });
  }
}
