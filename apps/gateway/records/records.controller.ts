import { Controller, Get, Param, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Caller } from '#messaging';
import { governanceCalls, recordProof, recordType, searchQuery, uuid } from '#protocol';
import type { ReplyOf } from '#protocol';
import { Authorise, askedTenant } from '../access/authorise.js';
import { AllowedTenant } from '../access/resource-tenant.js';
import { tenantPageQuery, tenantQuery } from '../http/list-query.js';
import { Replies } from '../http/replies.js';

const recordsQuery = tenantPageQuery.extend({ type: recordType.optional(), ...searchQuery.shape });

@Controller('v1/records')
export class RecordsController {
  constructor(private readonly caller: Caller) {}

  @Get()
  @Authorise('record.read', askedTenant)
  @Replies('Log entries that are all that is asked for, newest first, without their bodies', governanceCalls.listRecords.reply)
  list(@AllowedTenant() tenant: string | null, @Query({ schema: recordsQuery }) query: z.output<typeof recordsQuery>): Promise<ReplyOf<typeof governanceCalls.listRecords>> {
    return this.caller.call(governanceCalls.listRecords, { ...query, tenant });
  }

  /** Errors: NOT_FOUND, RECORD_PENDING. */
  @Get(':id')
  @Authorise('record.read', askedTenant)
  @Replies('The entries of one record, with their bodies for its own organisation', governanceCalls.getRecord.reply)
  get(@AllowedTenant() tenant: string | null, @Param('id', { schema: uuid }) id: string, @Query({ schema: tenantQuery }) _query: unknown): Promise<ReplyOf<typeof governanceCalls.getRecord>> {
    return this.caller.call(governanceCalls.getRecord, { tenant, id });
  }

  /** Errors: NOT_FOUND, RECORD_PENDING. */
  @Get(':id/proof')
  @Authorise('proof.read', askedTenant)
  @Replies('A self-contained proof that the record is in the log', recordProof)
  prove(@AllowedTenant() tenant: string | null, @Param('id', { schema: uuid }) id: string, @Query({ schema: tenantQuery }) _query: unknown): Promise<z.output<typeof recordProof>> {
    return this.caller.call(governanceCalls.proveRecord, { tenant, id });
  }
}
