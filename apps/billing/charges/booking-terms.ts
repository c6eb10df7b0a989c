import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { BudgetsStore } from '../budgets/budgets.store.js';
import { NodesStore } from '../nodes/nodes.store.js';
import type { Payee } from '../nodes/nodes.store.js';
import type { PriceVersion } from '../prices/price.js';
import { PricesStore } from '../prices/prices.store.js';
import { FixedRows } from './fixed-rows.js';

/** What a version says of its price; until when it was in force is added later, and no part of it. */
export type FixedPrice = Omit<PriceVersion, 'validToMs'>;

/** Of each kind: some 10 MB. */
const rowsMax = 20_000;

/**
 * What charges are booked by, of which nothing ever changes: price versions, enrolments and whose a budget is. Remembered, so that a batch does not ask for it again.
 * Asked only in transactions over all tenants that write none of them.
 */
@Injectable()
export class BookingTerms {
  private readonly pricesByVersion = new FixedRows<FixedPrice>(rowsMax);
  private readonly payeesByNode = new FixedRows<Payee>(rowsMax);
  private readonly tenantsByBudget = new FixedRows<string>(rowsMax);

  constructor(
    @Inject(PricesStore) private readonly prices: PricesStore,
    @Inject(NodesStore) private readonly nodes: NodesStore,
    @Inject(BudgetsStore) private readonly budgets: BudgetsStore,
  ) {}

  pricesOf(manager: EntityManager, versions: readonly string[]): Promise<ReadonlyMap<string, FixedPrice>> {
    return this.pricesByVersion.of(versions, (missing) => this.prices.versions(manager, missing));
  }

  payeesOf(manager: EntityManager, nodes: readonly string[]): Promise<ReadonlyMap<string, Payee>> {
    return this.payeesByNode.of(nodes, (missing) => this.nodes.find(manager, missing));
  }

  budgetTenantsOf(manager: EntityManager, budgets: readonly string[]): Promise<ReadonlyMap<string, string>> {
    return this.tenantsByBudget.of(budgets, (missing) => this.budgets.tenantsOf(manager, missing));
  }
}
