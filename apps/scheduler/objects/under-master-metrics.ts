import { Gauge, register } from 'prom-client';

const options = { name: 'mizan_contents_under_master_key', help: 'Stored contents whose keys are under SCHEDULER_MASTER_KEY and not under a content key of their organisation' };

/** Zero when the move that followed the upgrade is done. */
export class UnderMasterGauge {
  // Several schedulers may live in one process.
  private readonly gauge = (register.getSingleMetric(options.name) as Gauge | undefined) ?? new Gauge(options);

  set(count: number): void {
    this.gauge.set(count);
  }
}
