import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Caller } from '#messaging';
import { billingCalls } from '#protocol';
import { withTenant } from '#service';
import { HandingService } from '../handing/handing.service.js';
import { Said } from '../said.js';
import { StatementStore } from './statement.store.js';
import type { StatementRow } from './statement.store.js';

/** Tells the books of statements that were taken back, so that all of what they drew is owed again; and of one that was voided the payees, who hold a form of it. */
@Injectable()
export class TakenBack {
  private readonly logger = new Logger(TakenBack.name);
  /** By tenant, the last one that this process told of. */
  private readonly told = new Map<string, string>();
  private readonly said = new Said();

  constructor(
    private readonly dataSource: DataSource,
    private readonly caller: Caller,
    private readonly handing: HandingService,
    private readonly statements: StatementStore,
  ) {}

  /** Can be repeated. Error: SERVICE_UNAVAILABLE (billing). */
  async tell({ id, tenant, voidCause, payees }: StatementRow): Promise<void> {
    await this.caller.call(billingCalls.takeBackPayables, { statement: id, tenant });
    if (voidCause !== null) await this.handing.tell(payees.map(({ payee }) => payee.toLowerCase()));
    this.told.set(tenant, id);
    this.said.forget(id);
  }

  /** Of the tenant's newest statement, if it was taken back: whoever did that may have died before, or it was the chain. Error: SERVICE_UNAVAILABLE (billing). */
  async tellLast(tenant: string): Promise<void> {
    for (const row of await this.untold(tenant)) await this.tell(row);
  }

  /** The same of every tenant; what fails is tried at the next look. */
  async tellAll(): Promise<void> {
    for (const row of await this.untold(null)) {
      await this.tell(row).catch((error: unknown) => this.warnOnce(row, `statement ${row.id} is taken back, and the books could not be told: ${error instanceof Error ? error.message : String(error)}`));
    }
  }

  private warnOnce({ id }: StatementRow, problem: string): void {
    if (this.said.isNew(id, problem)) this.logger.warn(problem);
  }

  private async untold(tenant: string | null): Promise<StatementRow[]> {
    const rows = await withTenant(this.dataSource, tenant ?? '*', (manager) => this.statements.takenBackLast(manager, tenant));
    return rows.filter((row) => this.told.get(row.tenant) !== row.id);
  }
}
