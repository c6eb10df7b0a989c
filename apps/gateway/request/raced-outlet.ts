import { StreamOutlet } from './streamed-job.js';

/**
 * The client of a stream that two machines are asked for. Whose first event comes first has it for good; what the other one still says goes nowhere.
 */
export class RacedOutlet extends StreamOutlet {
  private mine = false;

  /** `take`: whether it is the first to begin. */
  constructor(
    private readonly outlet: StreamOutlet,
    private readonly take: () => boolean,
  ) {
    super();
  }

  begin(record: string): void {
    this.mine = this.take();
    if (this.mine) this.outlet.begin(record);
  }

  async write(bytes: Buffer): Promise<void> {
    if (this.mine) await this.outlet.write(bytes);
  }

  end(): void {
    if (this.mine) this.outlet.end();
  }

  drop(): void {
    if (this.mine) this.outlet.drop();
  }
}
