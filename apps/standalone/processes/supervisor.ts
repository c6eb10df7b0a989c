import { obituary } from '#local';
import type { Running } from '#local';

/** A process that dies more often than this within `windowMs` is not started again. */
const restartsMax = 3;
const windowMs = 60_000;

interface Kept {
  running: Running;
  start: () => Promise<Running>;
  /** Someone ended it on purpose and does not want it back yet. */
  downOnPurpose: boolean;
  restartedAt: number[];
}

/**
 * Keeps processes alive: one that dies is reported with the end of its log and started again; stops all of them in the
 * reverse order of their start.
 */
export class Supervisor {
  private readonly kept = new Map<string, Kept>();
  private stopping = false;

  /** `restarted` is told after a process was started anew: its id is another one. */
  constructor(
    private readonly say: (line: string) => void,
    private readonly restarted: () => void = () => {},
  ) {}

  /** Starts a process and keeps it. `start` is called again when the process dies. */
  async keep(name: string, start: () => Promise<Running>): Promise<Running> {
    const running = await start();
    this.adopt(name, running, start);
    return running;
  }

  /** Keeps a process that runs already. */
  adopt(name: string, running: Running, start: () => Promise<Running>): void {
    const entry: Kept = { running, start, downOnPurpose: false, restartedAt: [] };
    this.kept.set(name, entry);
    this.watch(name, entry);
  }

  pid(name: string): number | undefined {
    return this.kept.get(name)?.running.identity.pid;
  }

  /** Names and process ids of everything kept. */
  pids(): Record<string, number> {
    return Object.fromEntries([...this.kept].map(([name, { running }]) => [name, running.identity.pid]));
  }

  /** SIGKILL, and it stays down until `revive`. */
  async killOnPurpose(name: string): Promise<void> {
    const entry = this.kept.get(name);
    if (entry === undefined) return;
    entry.downOnPurpose = true;
    await entry.running.kill();
  }

  /** Starts again what was killed on purpose. */
  async revive(name: string): Promise<void> {
    const entry = this.kept.get(name);
    if (entry === undefined || !entry.downOnPurpose) return;
    entry.downOnPurpose = false;
    entry.running = await entry.start();
    this.watch(name, entry);
    this.restarted();
  }

  /** Stops everything, last started first; what was started together is stopped together. */
  async stop(layers: readonly string[][]): Promise<void> {
    this.stopping = true;
    for (const layer of layers) await Promise.all(layer.map(async (name) => this.kept.get(name)?.running.stop()));
    await Promise.all([...this.kept.values()].map(({ running }) => running.stop()));
  }

  /** Ends everything at once. */
  async kill(): Promise<void> {
    this.stopping = true;
    await Promise.all([...this.kept.values()].map(({ running }) => running.kill()));
  }

  names(): string[] {
    return [...this.kept.keys()];
  }

  private watch(name: string, entry: Kept): void {
    const { running } = entry;
    void running.exited.then(() => this.died(name, entry, running));
  }

  private async died(name: string, entry: Kept, running: Running): Promise<void> {
    if (this.stopping || entry.downOnPurpose || entry.running !== running) return;
    this.say(`\n${obituary(running)}`);
    const next = await this.startAgain(name, entry);
    if (next === undefined) return;
    if (this.stopping) return next.stop();
    entry.running = next;
    this.say(`${name} runs again (process ${next.identity.pid}).`);
    this.watch(name, entry);
    this.restarted();
  }

  /** A start that fails counts as a death: it is tried again. Undefined when the process stays down. */
  private async startAgain(name: string, entry: Kept): Promise<Running | undefined> {
    while (!this.stopping) {
      const now = performance.now();
      entry.restartedAt = entry.restartedAt.filter((at) => now - at < windowMs);
      if (entry.restartedAt.length >= restartsMax) {
        this.say(`${name} died ${restartsMax + 1} times within a minute and stays down. The rest goes on; stop all with Ctrl-C.`);
        return undefined;
      }
      entry.restartedAt.push(now);
      try {
        return await entry.start();
      } catch (error) {
        if (!this.stopping) this.say(`\n${name} could not be started again: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return undefined;
  }
}
