import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { correctionCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { Corrections } from './corrections.service.js';

@Controller()
export class CorrectionsRpc {
  constructor(@Inject(Corrections) private readonly corrections: Corrections) {}

  @Serve(correctionCalls.correct)
  correct(request: RequestOf<typeof correctionCalls.correct>): Promise<ReplyOf<typeof correctionCalls.correct>> {
    return this.corrections.correct(request);
  }

  @Serve(correctionCalls.list)
  list(page: RequestOf<typeof correctionCalls.list>): Promise<ReplyOf<typeof correctionCalls.list>> {
    return this.corrections.list(page);
  }
}
