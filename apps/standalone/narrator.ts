const barWidth = 30;

/** Tells a person what happens: one line per step with the time it took, and a bar while a long job runs. */
export class Narrator {
  private barShown = false;
  private lastTenth = -1;

  constructor(private readonly out: NodeJS.WriteStream = process.stdout) {}

  say(line = ''): void {
    this.clearBar();
    this.out.write(`${line}\n`);
  }

  /** Runs a step and says how it went: `text` gets what the step gave. */
  async step<T>(name: string, work: () => Promise<T>, text: (value: T) => string = () => ''): Promise<T> {
    const started = performance.now();
    const value = await work();
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    this.say(`  ${name.padEnd(14)} ${text(value)} (${seconds} s)`.replace(/ {2,}\(/, ' ('));
    return value;
  }

  /** Moves the bar; on something other than a terminal, one line per tenth. */
  progress(done: number, total: number): void {
    const share = total === 0 ? 1 : done / total;
    if (this.out.isTTY) {
      const filled = Math.round(share * barWidth);
      this.out.write(`\r  [${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ${done}/${total}`);
      this.barShown = true;
      if (done >= total) this.clearBar();
      return;
    }
    const tenth = Math.floor(share * 10);
    if (tenth !== this.lastTenth) this.out.write(`  ${done}/${total}\n`);
    this.lastTenth = tenth;
  }

  private clearBar(): void {
    if (this.barShown) this.out.write(`\r${' '.repeat(barWidth + 24)}\r`);
    this.barShown = false;
  }
}
