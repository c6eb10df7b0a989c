import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { backgroundCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { BackgroundResponses } from './background-responses.service.js';
import { StoredResponses } from './stored-responses.service.js';

type Calls = typeof backgroundCalls;

@Controller()
export class BackgroundResponsesRpc {
  constructor(
    @Inject(BackgroundResponses) private readonly background: BackgroundResponses,
    @Inject(StoredResponses) private readonly responses: StoredResponses,
  ) {}

  @Serve(backgroundCalls.claimResponses)
  claim(request: RequestOf<Calls['claimResponses']>): Promise<ReplyOf<Calls['claimResponses']>> {
    return this.background.claim(request);
  }

  @Serve(backgroundCalls.cancelResponse)
  cancel(request: RequestOf<Calls['cancelResponse']>): Promise<ReplyOf<Calls['cancelResponse']>> {
    return this.responses.cancel(request);
  }
}
