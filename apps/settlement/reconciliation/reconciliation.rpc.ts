import { Controller } from '@nestjs/common';
import { Serve } from '#messaging';
import { reconciliationCalls } from '#protocol';
import type { Reconciliation, RequestOf } from '#protocol';
import { ReconciliationService } from './reconciliation.service.js';

@Controller()
export class ReconciliationRpc {
  constructor(private readonly reconciliation: ReconciliationService) {}

  @Serve(reconciliationCalls.last)
  last({ tenant }: RequestOf<typeof reconciliationCalls.last>): Promise<Reconciliation> {
    return this.reconciliation.last(tenant);
  }
}
