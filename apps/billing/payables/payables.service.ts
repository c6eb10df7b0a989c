import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '#kernel';
import { failure } from '#protocol';
import type { ConversionRate } from '#protocol';
import { SERVICE_CONFIG, withTenant } from '#service';
import { parRate, tokenCurrency } from '../billing-config.js';
import type { BillingConfig } from '../billing-config.js';
import { drawn, payable } from '../ledger/chart-of-accounts.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { PayablesStore } from './payables.store.js';
import type { Payable, Payout } from './payables.store.js';
import { drawStatement, drawTransfer, mostOwed, takeBackTransfer } from './statement.js';
import type { Statement } from './statement.js';
import { StatementsStore } from './statements.store.js';

@Injectable()
export class PayablesService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) private readonly config: BillingConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(PayablesStore) private readonly payables: PayablesStore,
    @Inject(StatementsStore) private readonly statements: StatementsStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
  ) {}

  /**
   * Takes what a tenant owes into a statement, once: asked again it answers the same, and while another statement of the
   * tenant is unsettled it answers that one. What is owed to the payees in `except` stays owed, and so does what is owed to all but the
   * `payeesMax` that are owed most: the next draw takes it. `only`: nobody else. `unitsMax`: no more than that in all, to those who are owed most. `rate`: what the tokens are worth; a
   * dollar token at par when left out. Errors: NOTHING_DUE, IDEMPOTENCY_MISMATCH (another tenant's statement), CONFLICT (it was drawn and taken back).
   */
  draw(id: string, tenant: string, except: readonly string[] = [], payeesMax = Number.MAX_SAFE_INTEGER, given?: ConversionRate, only?: readonly string[], unitsMax?: bigint): Promise<Statement> {
    const left = new Set(except.map((payee) => payee.toLowerCase()));
    const wanted = only && new Set(only.map((payee) => payee.toLowerCase()));
    return withTenant(this.dataSource, '*', async (manager) => {
      await this.statements.lockTenant(manager, tenant);
      const known = await this.statements.find(manager, id);
      if (known && known.tenant !== tenant) throw failure('IDEMPOTENCY_MISMATCH', 'this statement is of another organisation; use a new id', { statement: id });
      const before = known ?? (await this.statements.unsettled(manager, tenant));
      if (before) return before;
      const payees = (await this.payables.payees(manager, tenant)).filter((payee) => !left.has(payee) && (wanted === undefined || wanted.has(payee)));
      // With the accounts locked no charge can come in between the balances and the charges that make them up.
      const balances = await this.ledger.lock(manager, payees.flatMap((payee) => [payable(tenant, payee), drawn(tenant, payee)]));
      const { total, byPayee } = await this.statements.drawnUnits(manager, tenant);
      const owed = payees.map((payee, index) => ({ payee, owedNanos: -balances[2 * index]!, cumulativeUnits: byPayee.get(payee) ?? 0n }));
      const token = tokenCurrency(this.config);
      const rate = given ?? parRate(token, this.clock.nowMs());
      const chosen = mostOwed(owed, rate, payeesMax, unitsMax);
      const statement = drawStatement(id, tenant, chosen, rate, total);
      if (!statement) throw failure('NOTHING_DUE', 'nothing is owed that a whole token unit could pay', { tenant });
      await this.statements.insert(manager, statement, token.currency, this.clock.nowMs());
      await this.statements.takeCharges(manager, statement, chosen.flatMap(({ payee, unitsMax: cut }) => (cut === undefined ? [payee] : [])));
      const posted = await this.ledger.post(manager, [drawTransfer(statement)]);
      if (!posted.has(id)) throw takenBack(id);
      return statement;
    });
  }

  /**
   * Undoes a draw of which nothing was signed: all of it is owed again, and no statement of that id is drawn ever after. Again does nothing. Errors:
   * IDEMPOTENCY_MISMATCH (another tenant's statement), CONFLICT (the chain has settled it).
   */
  takeBack(id: string, tenant: string): Promise<void> {
    return withTenant(this.dataSource, '*', async (manager) => {
      await this.statements.lockTenant(manager, tenant);
      const known = await this.statements.find(manager, id);
      if (!known) return;
      if (known.tenant !== tenant) throw failure('IDEMPOTENCY_MISMATCH', 'this statement is of another organisation', { statement: id });
      if ((await this.statements.unsettled(manager, tenant))?.id !== id) throw failure('CONFLICT', 'this statement is settled on chain: what it paid cannot be owed again', { statement: id });
      await this.statements.remove(manager, id);
      await this.ledger.post(manager, [takeBackTransfer(known)]);
    });
  }

  /** Earned, drawn and owed per payee; of all tenants when `null`; all without a limit. */
  list(tenant: string | null, after?: string, limit?: number): Promise<Payable[]> {
    return withTenant(this.dataSource, tenant ?? '*', (manager) => this.payables.list(manager, tenant, after, limit));
  }

  async payouts(page: { tenant: string | null; after?: string | undefined; limit: number }): Promise<{ data: Payout[]; hasMore: boolean }> {
    const rows = await withTenant(this.dataSource, page.tenant ?? '*', (manager) => this.payables.payouts(manager, { ...page, limit: page.limit + 1 }));
    return { data: rows.slice(0, page.limit), hasMore: rows.length > page.limit };
  }
}

const takenBack = (statement: string): ReturnType<typeof failure> => failure('CONFLICT', 'this statement was drawn and taken back; draw under a new id', { statement });
