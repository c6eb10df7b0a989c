import { Gauge, register } from 'prom-client';

const options = { name: 'mizan_contents_under_master_key', help: 'Stored contents whose keys are under SCHEDULER_MASTER_KEY and not under a content key of their organisation' };

/** Zero when the move that followed the upgrade is done; no number while that is not known. */
export class UnderMasterGauge {
  // Several schedulers may live in one process.
  private readonly gauge = (register.getSingleMetric(options.name) as Gauge | undefined) ?? new Gauge(options);

  constructor() {
    // One that was just made says 0, which would be taken for the end of the move.
    this.gauge.set(Number.NaN);
  }

  set(count: number): void {
    this.gauge.set(count);
  }
}
