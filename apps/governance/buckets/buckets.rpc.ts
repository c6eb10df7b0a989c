import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { bucketCalls, type Bucket, type ReplyOf, type RequestOf } from '#protocol';
import { Buckets } from './buckets.service.js';

type Calls = typeof bucketCalls;

@Controller()
export class BucketsRpc {
  constructor(private readonly buckets: Buckets) {}

  @Serve(bucketCalls.create)
  create(request: RequestOf<Calls['create']>): Promise<Bucket> {
    return this.buckets.create(request);
  }

  @Serve(bucketCalls.list)
  list(request: RequestOf<Calls['list']>): Promise<ReplyOf<Calls['list']>> {
    return this.buckets.list(request);
  }

  @Serve(bucketCalls.change)
  change(request: RequestOf<Calls['change']>): Promise<Bucket> {
    return this.buckets.change(request);
  }

  @Serve(bucketCalls.remove)
  remove(request: RequestOf<Calls['remove']>): Promise<Bucket> {
    return this.buckets.remove(request);
  }
}
