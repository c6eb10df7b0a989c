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
    if (!this.mine) return;
    this.outlet.begin(record);
    this.hasBegun = this.outlet.hasBegun;
    this.begunAt = this.outlet.begunAt;
  }

  async write(bytes: Buffer): Promise<void> {
    if (!this.mine) return;
    await this.outlet.write(bytes);
    this.writes = this.outlet.writes;
  }

  end(): void {
    if (this.mine) this.outlet.end();
  }

  drop(): void {
    if (this.mine) this.outlet.drop();
  }
}
