import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { PeriodicTask, withTenant } from '#service';
import { lastMonth, monthBounds } from './month.js';
import { Reports } from './reports.service.js';
import { Supplements } from './supplements.service.js';

const lookEveryMs = 3_600_000;

/** Makes every organisation's report of the last month, and supplements of what came after reports, whether or not anybody asks. */
@Injectable()
export class ReportTimer extends PeriodicTask {
  private readonly logger = new Logger(ReportTimer.name);

  constructor(
    private readonly dataSource: DataSource,
    private readonly reports: Reports,
    private readonly supplements: Supplements,
    private readonly clock: Clock,
  ) {
    super(lookEveryMs, lookEveryMs);
  }

  async runOnce(): Promise<void> {
    await this.makeDue();
    await this.supplement();
  }

  /** What fails is logged, and tried again an hour later. */
  async supplement(): Promise<void> {
    try {
      const rows = await withTenant(this.dataSource, '*', (manager) => manager.query<{ tenant: string }[]>('SELECT DISTINCT tenant FROM governance.audit_reports ORDER BY 1'));
      for (const { tenant } of rows) {
        if (this.isStopping) return;
        await this.supplements.make({ keyId: null, tenant: null }, tenant).catch((error: unknown) => this.logger.warn(`supplements for ${tenant} are not made yet: ${(error as Error).message}`));
      }
    } catch (error) {
      this.logger.warn(`supplements are not made yet: ${(error as Error).message}`);
    }
  }

  /** Gives how many were made. What fails is logged, and tried again an hour later. */
  async makeDue(): Promise<number> {
    const month = lastMonth(this.clock.nowMs());
    let made = 0;
    try {
      for (const tenant of await this.due(month)) {
        if (this.isStopping) break;
        try {
          await this.reports.get({ actor: { keyId: null, tenant: null }, tenant, month });
          made += 1;
        } catch (error) {
          this.logger.warn(`the report of ${month} for ${tenant} is not made yet: ${(error as Error).message}`);
        }
      }
    } catch (error) {
      this.logger.warn(`reports of ${month} are not made yet: ${(error as Error).message}`);
    }
    return made;
  }

  private due(month: string): Promise<string[]> {
    return withTenant(this.dataSource, '*', async (manager) => {
      const rows = await manager.query<{ tenant: string }[]>(
        `SELECT o.tenant FROM governance.organisations o WHERE o.created_at_ms < $2 AND NOT EXISTS (SELECT 1 FROM governance.audit_reports r WHERE r.tenant = o.tenant AND r.month = $1) ORDER BY o.tenant`,
        [month, monthBounds(month).untilMs],
      );
      return rows.map(({ tenant }) => tenant);
    });
  }
}
