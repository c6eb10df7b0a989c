/** After a link failed, its URL is left alone for this long, twice as long after each further failure. */
const firstMs = 10_000;
const longestMs = 300_000;

/** Public URLs that failed: their nodes are asked over the bus meanwhile. Times are monotonic milliseconds. */
export class AvoidedLinks {
  private readonly failed = new Map<string, { times: number; untilMs: number }>();

  has(url: string, nowMs: number): boolean {
    return (this.failed.get(url)?.untilMs ?? -Infinity) > nowMs;
  }

  add(url: string, nowMs: number): void {
    const times = (this.failed.get(url)?.times ?? 0) + 1;
    this.failed.set(url, { times, untilMs: nowMs + Math.min(firstMs * 2 ** (times - 1), longestMs) });
  }

  /** The URL works. */
  forget(url: string): void {
    this.failed.delete(url);
  }
}
