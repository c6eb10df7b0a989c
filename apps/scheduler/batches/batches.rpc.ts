import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { batchCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { GatewayJobs } from '../jobs/gateway-jobs.service.js';
import { Batches } from './batches.service.js';
import { Lines } from './lines.service.js';

type Calls = typeof batchCalls;

@Controller()
export class BatchesRpc {
  constructor(
    @Inject(Batches) private readonly batches: Batches,
    @Inject(Lines) private readonly lines: Lines,
    @Inject(GatewayJobs) private readonly jobs: GatewayJobs,
  ) {}

  @Serve(batchCalls.createBatch)
  create(request: RequestOf<Calls['createBatch']>): Promise<ReplyOf<Calls['createBatch']>> {
    return this.batches.create(request);
  }

  @Serve(batchCalls.getBatch)
  get(request: RequestOf<Calls['getBatch']>): Promise<ReplyOf<Calls['getBatch']>> {
    return this.batches.get(request);
  }

  @Serve(batchCalls.listBatches)
  list(request: RequestOf<Calls['listBatches']>): Promise<ReplyOf<Calls['listBatches']>> {
    return this.batches.list(request);
  }

  @Serve(batchCalls.cancelBatch)
  cancel(request: RequestOf<Calls['cancelBatch']>): Promise<ReplyOf<Calls['cancelBatch']>> {
    return this.batches.cancel(request);
  }

  @Serve(batchCalls.claimLines)
  claim(request: RequestOf<Calls['claimLines']>): Promise<ReplyOf<Calls['claimLines']>> {
    return this.lines.claim(request);
  }

  @Serve(batchCalls.renewLines)
  renew(request: RequestOf<Calls['renewLines']>): Promise<ReplyOf<Calls['renewLines']>> {
    return this.jobs.renew(request);
  }

  @Serve(batchCalls.advanceLine)
  advance(request: RequestOf<Calls['advanceLine']>): Promise<ReplyOf<Calls['advanceLine']>> {
    return this.jobs.advance(request);
  }

  @Serve(batchCalls.returnLine)
  async giveBack(request: RequestOf<Calls['returnLine']>): Promise<ReplyOf<Calls['returnLine']>> {
    await this.jobs.giveBack(request);
    return {};
  }
}
