import { AsyncLocalStorage } from 'node:async_hooks';

/** How long the steps of one request took, for whoever may see it. */
export class StepTimes {
  private static readonly current = new AsyncLocalStorage<StepTimes>();
  private readonly times: string[] = [];

  /** Those of the request that is worked for now, if anybody wants them. */
  static get now(): StepTimes | undefined {
    return StepTimes.current.getStore();
  }

  /** Everything in `work` is timed for this request. */
  during<T>(work: () => T): T {
    return StepTimes.current.run(this, work);
  }

  add(step: string, ms: number): void {
    this.times.push(`${step};dur=${ms.toFixed(2)}`);
  }

  /** As a `Server-Timing` header has them (W3C Server Timing; milliseconds). */
  get header(): string {
    return this.times.join(', ');
  }
}
