import { Controller, Get, Header, Param, Query } from '@nestjs/common';
import { z } from 'zod';
import { formatBundle } from '#merkle';
import { Caller } from '#messaging';
import { bundleCalls, governanceCalls, recordProof, recordType, searchQuery, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, askedTenant } from '../access/authorise.js';
import { CurrentPrincipal, readerOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { AllowedTenant } from '../access/resource-tenant.js';
import { tenantPageQuery, tenantQuery } from '../http/list-query.js';
import { Replies, RepliesBytes } from '../http/replies.js';

const bundleQuery = tenantQuery.extend({
  since: z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER).optional(),
  /** Names, with commas between. */
  fields: z.string().max(4_096).regex(/^[^,]{1,128}(,[^,]{1,128}){0,63}$/, 'must be 1 to 64 names of fields with commas between').optional(),
});
const recordsQuery = tenantPageQuery.extend({ type: recordType.optional(), ...searchQuery.shape });

@Controller('v1/records')
export class RecordsController {
  constructor(private readonly caller: Caller) {}

  @Get()
  @Authorise('record.read', askedTenant)
  @Replies('Log entries that are all that is asked for, newest first, without their bodies', governanceCalls.listRecords.reply)
  list(@CurrentPrincipal() principal: Principal, @AllowedTenant() tenant: string | null, @Query({ schema: recordsQuery }) query: z.output<typeof recordsQuery>): Promise<ReplyOf<typeof governanceCalls.listRecords>> {
    return this.caller.call(governanceCalls.listRecords, { ...query, tenant, reader: readerOf(principal) });
  }

  /** Errors: NOT_FOUND, RECORD_PENDING. */
  @Get(':id')
  @Authorise('record.read', askedTenant)
  @Replies('The entries of one record, with their bodies for its own organisation', governanceCalls.getRecord.reply)
  get(
    @CurrentPrincipal() principal: Principal,
    @AllowedTenant() tenant: string | null,
    @Param('id', { schema: uuid }) id: string,
    @Query({ schema: tenantQuery }) _query: unknown,
  ): Promise<ReplyOf<typeof governanceCalls.getRecord>> {
    return this.caller.call(governanceCalls.getRecord, { tenant, id, reader: readerOf(principal) });
  }

  /** Errors: NOT_FOUND, RECORD_PENDING. */
  @Get(':id/proof')
  @Authorise('proof.read', askedTenant)
  @Replies('A self-contained proof that the record is in the log', recordProof)
  prove(@AllowedTenant() tenant: string | null, @Param('id', { schema: uuid }) id: string, @Query({ schema: tenantQuery }) _query: unknown): Promise<z.output<typeof recordProof>> {
    return this.caller.call(governanceCalls.proveRecord, { tenant, id });
  }

  /** Answers the text of the bundle, as it is to be kept; `fields`: with only these of the organisation's bodies. Errors: NOT_FOUND, RECORD_PENDING, REQUEST_INVALID. */
  @Get(':id/bundle')
  @Authorise('record.read', askedTenant)
  @Header('content-type', 'application/json')
  @RepliesBytes('One file with everything that it takes to check the record offline: a proof bundle, whose text is to be kept as it is', 'application/json')
  async bundle(
    @CurrentPrincipal() principal: Principal,
    @AllowedTenant() tenant: string | null,
    @Param('id', { schema: uuid }) id: string,
    @Query({ schema: bundleQuery }) { since, fields }: z.output<typeof bundleQuery>,
  ): Promise<string> {
    return formatBundle(await this.caller.call(bundleCalls.bundleRecord, { tenant, id, since, fields: fields?.split(','), reader: readerOf(principal) }));
  }
}
