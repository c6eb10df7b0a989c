/** Times that are remembered, and how many must be to say what is usual. */
const timesMax = 128;
const timesMin = 20;

/** How long something took lately. */
export class RecentTimes {
  private readonly times: number[] = [];
  private next = 0;

  add(tookMs: number): void {
    this.times[this.next] = tookMs;
    this.next = (this.next + 1) % timesMax;
  }

  /** Within how many milliseconds 95 of 100 were over; `undefined` while that is not known. */
  usuallyMs(): number | undefined {
    if (this.times.length < timesMin) return undefined;
    return [...this.times].sort((a, b) => a - b)[Math.ceil(this.times.length * 0.95) - 1];
  }
}
