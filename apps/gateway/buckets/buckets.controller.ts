import { Body, Controller, Delete, Get, Param, Post, Put } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { bucket, bucketCalls, changedBucket, newBucket, uuid } from '#protocol';
import type { Bucket, ReplyOf } from '#protocol';
import { Authorise, pathTenant } from '../access/authorise.js';
import { CurrentPrincipal, actorOf } from '../access/principal.js';
import type { Principal } from '../access/principal.js';
import { Replies } from '../http/replies.js';

/** Where an organisation has its entries of the log put with their bodies, by the API of S3. */
@Controller('v1/organisations/:tenant/buckets')
export class BucketsController {
  constructor(private readonly caller: Caller) {}

  @Post()
  @Authorise('bucket.write', pathTenant)
  @Replies('A new bucket; its secret is not shown again', bucket, 201)
  create(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Body({ schema: newBucket }) body: z.output<typeof newBucket>): Promise<Bucket> {
    return this.caller.call(bucketCalls.create, { ...body, actor: actorOf(principal), tenant });
  }

  @Get()
  @Authorise('bucket.read', pathTenant)
  @Replies('The buckets of an organisation and how far each is', bucketCalls.list.reply)
  list(@Param('tenant', { schema: uuid }) tenant: string): Promise<ReplyOf<typeof bucketCalls.list>> {
    return this.caller.call(bucketCalls.list, { tenant });
  }

  @Put(':id')
  @Authorise('bucket.write', pathTenant)
  @Replies('Pauses or resumes a bucket, changes its credentials, or puts again what comes after an entry', bucket)
  change(
    @CurrentPrincipal() principal: Principal,
    @Param('tenant', { schema: uuid }) tenant: string,
    @Param('id', { schema: uuid }) id: string,
    @Body({ schema: changedBucket }) change: z.output<typeof changedBucket>,
  ): Promise<Bucket> {
    return this.caller.call(bucketCalls.change, { actor: actorOf(principal), tenant, id, change });
  }

  @Delete(':id')
  @Authorise('bucket.write', pathTenant)
  @Replies('Removes a bucket; what was put there stays there', bucket)
  remove(@CurrentPrincipal() principal: Principal, @Param('tenant', { schema: uuid }) tenant: string, @Param('id', { schema: uuid }) id: string): Promise<Bucket> {
    return this.caller.call(bucketCalls.remove, { actor: actorOf(principal), tenant, id });
  }
}
