import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { billingCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { BudgetsService } from './budgets.service.js';

@Controller()
export class BudgetsRpc {
  constructor(@Inject(BudgetsService) private readonly budgets: BudgetsService) {}

  @Serve(billingCalls.putBudget)
  async put({ actor, ...request }: RequestOf<typeof billingCalls.putBudget>): Promise<ReplyOf<typeof billingCalls.putBudget>> {
    return { ...(await this.budgets.put({ ...request, keyId: actor.keyId })), currency: 'USD' };
  }

  @Serve(billingCalls.listBudgets)
  async list({ tenant }: RequestOf<typeof billingCalls.listBudgets>): Promise<ReplyOf<typeof billingCalls.listBudgets>> {
    return { data: (await this.budgets.list(tenant)).map((budget) => ({ ...budget, currency: 'USD' as const })) };
  }
}
