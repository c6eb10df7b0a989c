import { Controller } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Serve } from '#messaging';
import { savingsCalls } from '#protocol';
import type { ReplyOf, RequestOf } from '#protocol';

@Controller()
export class GasRpc {
  constructor(private readonly dataSource: DataSource) {}

  /** What an organisation's settlements cost in gas, once mined. */
  @Serve(savingsCalls.gasSpent)
  async spent({ tenant, fromMs, toMs }: RequestOf<typeof savingsCalls.gasSpent>): Promise<ReplyOf<typeof savingsCalls.gasSpent>> {
    const rows = await this.dataSource.query<{ wei: string; transactions: string }[]>(
      `SELECT COALESCE(sum(t.gas_wei_spent), 0) AS wei, count(*) AS transactions FROM settlement.transactions t JOIN settlement.statements s ON s.id::text = t.subject
       WHERE t.purpose = 'settle' AND t.gas_wei_spent IS NOT NULL AND s.tenant = $1 AND t.signed_at >= to_timestamp($2 / 1000.0) AND t.signed_at < to_timestamp($3 / 1000.0)`,
      [tenant, fromMs, toMs],
    );
    return { wei: rows[0]!.wei, transactions: Number(rows[0]!.transactions) };
  }
}
