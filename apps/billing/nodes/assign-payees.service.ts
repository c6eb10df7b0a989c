import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Ids } from '#kernel';
import { PeriodicTask, SERVICE_CONFIG, withTenant } from '#service';
import type { BillingConfig } from '../billing-config.js';
import { payable, unassigned } from '../ledger/chart-of-accounts.js';
import { LedgerStore } from '../ledger/ledger.store.js';
import { move, transfer } from '../ledger/transfer.js';
import { NodesStore } from './nodes.store.js';

/** Work may be booked before the node's enrolment is heard of: its earnings wait, and go to the payee once it is known. */
@Injectable()
export class AssignPayees extends PeriodicTask {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SERVICE_CONFIG) config: BillingConfig,
    @Inject(Ids) private readonly ids: Ids,
    @Inject(NodesStore) private readonly nodes: NodesStore,
    @Inject(LedgerStore) private readonly ledger: LedgerStore,
  ) {
    super(config.BILLING_SWEEP_MS);
  }

  runOnce(): Promise<number> {
    return withTenant(this.dataSource, '*', async (manager) => {
      const waiting = await this.nodes.waitingEarnings(manager);
      if (waiting.length === 0) return 0;
      const pairs = waiting.map(({ tenant, node, payoutAddress }) => ({ from: unassigned(tenant, node), to: payable(tenant, payoutAddress), tenant }));
      const balances = await this.ledger.lock(manager, pairs.flatMap(({ from, to }) => [from, to]));
      const transfers = pairs.map(({ from, to, tenant }, index) => transfer(this.ids.uuid(), 'payee.assign', tenant, move(to, from, -balances[2 * index]!)));
      return (await this.ledger.post(manager, transfers)).size;
    });
  }
}
