import { Body, Controller, Get, Param, Post, Query, Req } from '@nestjs/common';
import { z } from 'zod';
import { Caller } from '#messaging';
import { batchCalls, batchPath, metadata } from '#protocol';
import { Authorise, ownTenant } from '../access/authorise.js';
import { CurrentPrincipal } from '../access/principal.js';
import type { AuthenticatedRequest, Principal } from '../access/principal.js';
import { ProjectScope } from '../access/project-scope.js';
import { cursor, internalId } from '../files/external-ids.js';
import { listOf, toList } from '../files/file-object.js';
import { Replies } from '../http/replies.js';
import { declaredFacts } from '../request/declared-facts.js';
import { batchObject, toBatchObject } from './batch-object.js';
import type { BatchObject } from './batch-object.js';

const batchId = z.string().min(1).max(64);
const newBatch = z.object({
  input_file_id: z.string().min(1).max(64),
  endpoint: batchPath,
  completion_window: z.literal('24h'),
  metadata: metadata.nullish(),
});
const listQuery = z.object({ after: z.string().max(64).optional(), limit: z.coerce.number<string>().int().min(1).max(100).default(20) });

@Controller('v1/batches')
export class BatchesController {
  constructor(
    private readonly caller: Caller,
    private readonly scope: ProjectScope,
  ) {}

  /** What is declared about data here holds for every line. */
  @Post()
  @Authorise('batch.run', ownTenant)
  @Replies('Runs every line of a file: each is decided, recorded and charged as a request of its own', batchObject)
  async create(@CurrentPrincipal() principal: Principal, @Body({ schema: newBatch }) body: z.output<typeof newBatch>, @Req() request: AuthenticatedRequest): Promise<BatchObject> {
    const { tags, ...declared } = this.scope.declared(principal, declaredFacts(request.headers));
    const batch = await this.caller.call(batchCalls.createBatch, {
      ...this.scope.paying(principal, request),
      keyId: principal.keyId,
      inputFile: internalId('file-', body.input_file_id, 'input_file_id'),
      endpoint: body.endpoint,
      metadata: body.metadata ?? null,
      declared: { ...declared, tags: [...tags] },
    });
    return toBatchObject(batch);
  }

  @Get()
  @Authorise('batch.run', ownTenant)
  @Replies('Batches of the project, newest first, or of every project for a key of the whole organisation', listOf(batchObject))
  async list(@CurrentPrincipal() principal: Principal, @Query({ schema: listQuery }) { after, limit }: z.output<typeof listQuery>, @Req() request: AuthenticatedRequest): Promise<unknown> {
    const page = { ...cursor('batch_', after), limit, order: 'desc' as const };
    const { data, hasMore } = await this.caller.call(batchCalls.listBatches, { ...this.scope.seen(principal, request), ...page });
    return toList(data.map(toBatchObject), hasMore);
  }

  @Get(':batch')
  @Authorise('batch.run', ownTenant)
  @Replies('One batch', batchObject)
  async get(@CurrentPrincipal() principal: Principal, @Param('batch', { schema: batchId }) id: string, @Req() request: AuthenticatedRequest): Promise<BatchObject> {
    return toBatchObject(await this.caller.call(batchCalls.getBatch, { ...this.scope.seen(principal, request), id: internalId('batch_', id) }));
  }

  @Post(':batch/cancel')
  @Authorise('batch.run', ownTenant)
  @Replies('Stops a batch: what runs is finished and kept, what waits is not begun', batchObject)
  async cancel(@CurrentPrincipal() principal: Principal, @Param('batch', { schema: batchId }) id: string, @Req() request: AuthenticatedRequest): Promise<BatchObject> {
    return toBatchObject(await this.caller.call(batchCalls.cancelBatch, { ...this.scope.seen(principal, request), id: internalId('batch_', id) }));
  }
}
