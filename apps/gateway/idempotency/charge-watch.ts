import type { Charging } from '../request/inference-job.js';
import type { Turn } from './once.js';

/** Whether a named request may be charged by now. Its claim says so before anything of it is sent: a gateway that dies leaves no request that runs, and is paid, twice. */
export class ChargeWatch implements Charging {
  private open = 0;

  constructor(private readonly turn: Pick<Turn, 'begin'>) {}

  get isPossible(): boolean {
    return this.open > 0;
  }

  async begin(): Promise<void> {
    await this.turn.begin();
    this.open += 1;
  }

  free(): void {
    this.open -= 1;
  }
}
