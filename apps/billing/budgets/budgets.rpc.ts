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
  async list({ tenant, after, limit }: RequestOf<typeof billingCalls.listBudgets>): Promise<ReplyOf<typeof billingCalls.listBudgets>> {
    const rows = await this.budgets.list(tenant, after, limit === undefined ? undefined : limit + 1);
    return { data: rows.slice(0, limit).map((budget) => ({ ...budget, currency: 'USD' as const })), hasMore: limit !== undefined && rows.length > limit };
  }
}
