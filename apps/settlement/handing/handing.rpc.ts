import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { nonCustodyCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { ExposureService } from '../exposure/exposure.service.js';
import { HandingService } from './handing.service.js';

@Controller()
export class HandingRpc {
  constructor(
    private readonly handing: HandingService,
    private readonly exposure: ExposureService,
  ) {}

  @Serve(nonCustodyCalls.handedStatements)
  statements(request: RequestOf<typeof nonCustodyCalls.handedStatements>): Promise<ReplyOf<typeof nonCustodyCalls.handedStatements>> {
    return this.handing.page(request);
  }

  @Serve(nonCustodyCalls.payeeExposure)
  ofPayee({ payee, proof }: RequestOf<typeof nonCustodyCalls.payeeExposure>): ReplyOf<typeof nonCustodyCalls.payeeExposure> {
    this.handing.assertProved(payee, proof);
    return { data: this.exposure.of(payee) };
  }

  @Serve(nonCustodyCalls.exposures)
  list({ tenant }: RequestOf<typeof nonCustodyCalls.exposures>): ReplyOf<typeof nonCustodyCalls.exposures> {
    return { data: this.exposure.list(tenant) };
  }
}
