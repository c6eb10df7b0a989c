import { Controller, Inject } from '@nestjs/common';
import { Serve } from '#messaging';
import { billingCalls, worthOf } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';
import { PayablesService } from './payables.service.js';

@Controller()
export class PayablesRpc {
  constructor(@Inject(PayablesService) private readonly payables: PayablesService) {}

  @Serve(billingCalls.listPayables)
  async list({ tenant, after, limit }: RequestOf<typeof billingCalls.listPayables>): Promise<ReplyOf<typeof billingCalls.listPayables>> {
    const rows = await this.payables.list(tenant, after, limit === undefined ? undefined : limit + 1);
    return { data: rows.slice(0, limit), hasMore: limit !== undefined && rows.length > limit };
  }

  @Serve(billingCalls.takeBackPayables)
  async takeBack({ statement, tenant }: RequestOf<typeof billingCalls.takeBackPayables>): Promise<ReplyOf<typeof billingCalls.takeBackPayables>> {
    await this.payables.takeBack(statement, tenant);
    return { statement };
  }

  @Serve(billingCalls.drawPayables)
  async draw({ statement, tenant, except, payeesMax, rate, only, unitsMax }: RequestOf<typeof billingCalls.drawPayables>): Promise<ReplyOf<typeof billingCalls.drawPayables>> {
    const { id, lines, ...rest } = await this.payables.draw(statement, tenant, except, payeesMax, rate, only, unitsMax);
    return { ...rest, statement: id, nanosPerUnit: worthOf(1n, rest.rate), payees: lines.map(({ payee, units, cumulativeUnits }) => ({ payee, units, cumulativeUnits })) };
  }

  @Serve(billingCalls.listPayouts)
  payouts(page: RequestOf<typeof billingCalls.listPayouts>): Promise<ReplyOf<typeof billingCalls.listPayouts>> {
    return this.payables.payouts(page);
  }
}
