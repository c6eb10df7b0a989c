import { createServer } from 'node:net';
import type { Home } from './home.js';
import { LocalError } from './local.errors.js';

const loopback = '127.0.0.1';
/** What a killed server may need until its last process lets go of the port. */
const againMs = 10_000;

/** Whether nobody listens on that port of the loopback interface. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: loopback, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Below the range from which systems give out ports (Linux: from 32,768): until it is taken, no connection and no other server is given it by chance. */
const ownPorts = { first: 20_000, count: 12_000 };
/** One process after the other asks: each begins somewhere else and gives no port twice, so that two hardly meet. */
let nextPort = Math.floor(Math.random() * ownPorts.count);

/** A port that is free on loopback at this moment, and was not given before by this process. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < ownPorts.count; tries += 1) {
    nextPort = (nextPort + 1) % ownPorts.count;
    const port = ownPorts.first + nextPort;
    if (await isPortFree(port)) return port;
  }
  throw new LocalError('no free TCP port on 127.0.0.1');
}

/** Ports kept over restarts in `.mizan/ports.json`, so that addresses people noted down stay true. */
export class Ports {
  private readonly known: Record<string, number>;
  private readonly taken = new Set<string>();
  constructor(
    private readonly home: Home,
    private readonly say: (line: string) => void = () => {},
  ) {
    this.known = home.readJson<Record<string, number>>('ports.json') ?? {};
  }

  /**
   * The remembered port, else the preferred one, else a free one. A port that someone else took is replaced, and that is said.
   * Taken a second time by the same process (a restart: others know the port) it is waited for. Error: `LocalError`.
   */
  async take(name: string, preferred?: number): Promise<number> {
    const wanted = this.known[name] ?? preferred;
    if (wanted !== undefined && this.taken.has(name)) return this.again(name, wanted);
    this.taken.add(name);
    if (wanted !== undefined && (await isPortFree(wanted))) return this.remember(name, wanted);
    const port = await this.fresh();
    if (wanted !== undefined) this.say(`port ${wanted} (${name}) is in use by another program; using ${port} instead`);
    return this.remember(name, port);
  }

  /** A port that the user asked for by `variable`. Error: `LocalError` when it is not a port or is in use. */
  async demand(name: string, variable: string, text: string): Promise<number> {
    const port = Number(text);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new LocalError(`${variable}=${text} is not a TCP port (1 to 65535)`);
    if (!(await isPortFree(port))) {
      throw new LocalError(`port ${port} (${variable}, ${name}) is in use by another program. Stop that program or choose another port.`);
    }
    return this.remember(name, port);
  }

  private async again(name: string, port: number): Promise<number> {
    const until = performance.now() + againMs;
    while (!(await isPortFree(port))) {
      if (performance.now() > until) throw new LocalError(`port ${port} (${name}) was taken by another program while ${name} restarted`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return port;
  }

  private async fresh(): Promise<number> {
    const taken = new Set(Object.values(this.known));
    for (;;) {
      const port = await freePort();
      if (!taken.has(port)) return port;
    }
  }

  private remember(name: string, port: number): number {
    if (this.known[name] !== port) {
      this.known[name] = port;
      this.home.writeJson(this.known, 'ports.json');
    }
    return port;
  }
}
