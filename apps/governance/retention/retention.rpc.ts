import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { failure, retentionCalls, uuid, type LegalHold, type ReplyOf, type RequestOf, type Retention as Setting } from '#protocol';
import { Erasures } from '../persons/erasures.service.js';
import { Holds } from './holds.service.js';
import { Retention } from './retention.service.js';

type Calls = typeof retentionCalls;

@Controller()
export class RetentionRpc {
  constructor(
    private readonly retention: Retention,
    private readonly holds: Holds,
    private readonly erasures: Erasures,
  ) {}

  @Serve(retentionCalls.get)
  get(request: RequestOf<Calls['get']>): Promise<Setting> {
    return this.retention.get(request);
  }

  @Serve(retentionCalls.put)
  put(request: RequestOf<Calls['put']>): Promise<Setting> {
    return this.retention.put(request);
  }

  @Serve(retentionCalls.placeHold)
  place(request: RequestOf<Calls['placeHold']>): Promise<LegalHold> {
    return this.holds.place(request);
  }

  @Serve(retentionCalls.releaseHold)
  release(request: RequestOf<Calls['releaseHold']>): Promise<LegalHold> {
    return this.holds.release(request);
  }

  @Serve(retentionCalls.listHolds)
  async listHolds(request: RequestOf<Calls['listHolds']>): Promise<ReplyOf<Calls['listHolds']>> {
    return this.holds.list({ ...request, after: idOf(request.after) });
  }

  @Serve(retentionCalls.liveHolds)
  async liveHolds(request: RequestOf<Calls['liveHolds']>): Promise<ReplyOf<Calls['liveHolds']>> {
    return this.holds.live({ ...request, after: idOf(request.after) });
  }

  @Serve(retentionCalls.listHeld)
  async listHeld(request: RequestOf<Calls['listHeld']>): Promise<ReplyOf<Calls['listHeld']>> {
    return this.erasures.listHeld({ ...request, after: idOf(request.after) });
  }
}

function idOf(after: string | undefined): string | undefined {
  if (after !== undefined && !uuid.safeParse(after).success) throw failure('REQUEST_INVALID', '"after" is the id of the last one of the page before');
  return after;
}
