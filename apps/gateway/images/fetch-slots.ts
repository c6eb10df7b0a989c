import { failure } from '#protocol';

interface Waiter {
  readonly tenant: string;
  readonly begin: () => void;
}

/** When to ask again, where too many wait already. */
const retryAfterMs = 1_000;

/**
 * How many requests may fetch at once: few of each organisation, and of all together as many as a gateway has memory for. The others wait
 * in order; who may not begin yet holds up nobody of another organisation.
 */
export class FetchSlots {
  private readonly running = new Map<string, number>();
  private readonly waiting = new Set<Waiter>();
  private runningCount = 0;

  constructor(
    private readonly atOnceMax: number,
    private readonly perTenantMax: number,
    private readonly waitingMax: number,
  ) {}

  /** Errors: NO_CAPACITY (too many wait), the signal's reason, those of `work`. */
  async within<T>(tenant: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.turn(tenant, signal);
    try {
      return await work();
    } finally {
      this.count(tenant, -1);
      this.beginNext();
    }
  }

  private async turn(tenant: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.hasRoom(tenant)) return this.count(tenant, 1);
    if (this.waiting.size >= this.waitingMax) throw failure('NO_CAPACITY', 'too many requests wait for their images here; try again shortly', { retryAfterMs });
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.waiting.delete(waiter);
        reject(signal.reason as Error);
      };
      const begin = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const waiter: Waiter = { tenant, begin };
      this.waiting.add(waiter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  private beginNext(): void {
    for (const waiter of this.waiting) {
      if (this.runningCount >= this.atOnceMax) return;
      if (!this.hasRoom(waiter.tenant)) continue;
      this.waiting.delete(waiter);
      this.count(waiter.tenant, 1);
      waiter.begin();
    }
  }

  private hasRoom(tenant: string): boolean {
    return this.runningCount < this.atOnceMax && (this.running.get(tenant) ?? 0) < this.perTenantMax;
  }

  private count(tenant: string, more: 1 | -1): void {
    this.runningCount += more;
    const left = (this.running.get(tenant) ?? 0) + more;
    if (left === 0) this.running.delete(tenant);
    else this.running.set(tenant, left);
  }
}
