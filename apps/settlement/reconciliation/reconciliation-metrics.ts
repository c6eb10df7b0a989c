import { Gauge, register } from 'prom-client';
import { tokenDifferenceKinds } from '#protocol';
import type { Reconciliation } from '#protocol';

const differencesOptions = { name: 'mizan_settlement_differences', help: 'Differences between chain, events, statements and books that the last comparison found', labelNames: ['kind'] as const };
const blockOptions = { name: 'mizan_settlement_reconciled_block', help: 'Final block at which the chain was compared last' };

/** Two services in one process share the process's registry. */
const known = <M>(name: string): M | undefined => register.getSingleMetric(name) as M | undefined;

/** Shows the last comparison to whoever scrapes: an alarm is `mizan_settlement_differences > 0`. */
export class ReconciliationMetrics {
  private readonly differences = known<Gauge<'kind'>>(differencesOptions.name) ?? new Gauge(differencesOptions);
  private readonly block = known<Gauge>(blockOptions.name) ?? new Gauge(blockOptions);

  show({ block, differences }: Pick<Reconciliation, 'block' | 'differences'>): void {
    this.block.set(block);
    for (const kind of tokenDifferenceKinds) this.differences.set({ kind }, differences.filter((each) => each.kind === kind).length);
  }
}
