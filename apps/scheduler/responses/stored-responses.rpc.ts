import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { storedResponseCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { StoredResponses } from './stored-responses.service.js';

type Calls = typeof storedResponseCalls;

@Controller()
export class StoredResponsesRpc {
  constructor(@Inject(StoredResponses) private readonly responses: StoredResponses) {}

  @Serve(storedResponseCalls.beginResponse)
  begin(request: RequestOf<Calls['beginResponse']>): Promise<ReplyOf<Calls['beginResponse']>> {
    return this.responses.begin(request);
  }

  @Serve(storedResponseCalls.openResponse)
  open(request: RequestOf<Calls['openResponse']>): Promise<ReplyOf<Calls['openResponse']>> {
    return this.responses.open(request);
  }

  @Serve(storedResponseCalls.deleteResponse)
  delete(request: RequestOf<Calls['deleteResponse']>): Promise<ReplyOf<Calls['deleteResponse']>> {
    return this.responses.delete(request);
  }
}
