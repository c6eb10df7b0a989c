import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseEnvironment, freePort, gone, Home, isRunning, lastLines, LocalError, withFileLock } from '#local';
import type { ProcessIdentity, Running } from '#local';
import { launchKept } from '#testing';
import type { RunFile } from '../../apps/standalone/run-file.js';
import { eventually, Hopeless } from './eventually.js';
import { RestApi } from './rest-api.js';

const root = join(import.meta.dirname, '../..');
const standalone = join(root, 'dist/apps/standalone/main.js');
const mizan = join(root, 'dist/apps/cli/main.js');
/** One stack at a time: beside another one, nothing here would be as fast as it has to be. */
const turnFile = join(root, '.mizan/test/e2e.lock');
const turnsMax = 6;
/** For `beforeAll`: the other files' turns, then the start. */
export const stackMs = 900_000;
/** Ten seconds on two idle cores; a first start beside other work takes several times that. */
const startMs = 240_000;
const stopMs = 40_000;
/** The verifier reads every entry, posting and event: about a second here. */
const programMs = 60_000;

export interface Invariant {
  readonly name: string;
  readonly holds: boolean;
  readonly detail: string;
}

/** How a program ended, and what it said. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The very thing that `npm start` starts, with a home of its own, for one file of tests. */
export class StandaloneStack {
  run: RunFile;
  private stopped: Promise<number | null> | undefined;

  private constructor(
    private readonly home: Home,
    private readonly env: Record<string, string>,
    private launched: Launched,
    private readonly endTurn: () => void,
  ) {
    this.run = this.home.readJson<RunFile>('run.json')!;
  }

  /**
   * Starts the stack without its sample job and waits until it says that it is up. It ends with this process, whatever happens
   * to that. With `MIZAN_E2E_KEEP` set, its home stays for a look at its logs.
   */
  static async start(variables: Record<string, string> = {}): Promise<StandaloneStack> {
    if (!existsSync(standalone)) throw new Error(`${standalone} is not there: run npm run build`);
    const endTurn = await takeTurn();
    const home = new Home(mkdtempSync(join(tmpdir(), 'mizan-e2e-')));
    // PostgreSQL runs as another user when root starts it.
    chmodSync(home.root, 0o755);
    try {
      const env = { ...baseEnvironment(), ...given(), MIZAN_HOME: home.root, MIZAN_PORT: String(await freePort()), ...variables };
      return new StandaloneStack(home, env, await launch(home, env), endTurn);
    } catch (error) {
      forget(home);
      endTurn();
      throw error;
    }
  }

  /** Ends the supervisor by a signal, and starts the stack again on the same home: SIGINT ends all, SIGKILL the supervisor alone. */
  async restart(signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
    process.kill(this.launched.running.identity.pid, signal);
    await this.launched.running.exited;
    this.launched = await launch(this.home, this.env);
    this.run = this.home.readJson<RunFile>('run.json')!;
  }

  /** The REST API with one of the stack's keys, or another one. */
  rest(key: string = this.run.key): RestApi {
    return new RestApi(this.run.api, key);
  }

  /** Everything that the stack has told since it was last started. */
  output(): string {
    return outputOf(this.launched);
  }

  /** The end of a process's log, for messages. */
  logOf(process: string, lines = 15): string {
    return lastLines(this.home.path('log', `${process}.log`), lines);
  }

  path(...parts: string[]): string {
    return this.home.path(...parts);
  }

  /** The process of that name as it runs now. */
  processOf(name: string): ProcessIdentity {
    const identity = this.home.readJson<ProcessIdentity>('pids', `${name}.json`);
    if (identity === undefined || !isRunning(identity)) throw new Error(`${name} does not run. Its log ends:\n${this.logOf(name)}`);
    return identity;
  }

  signal(name: string, signal: NodeJS.Signals): void {
    process.kill(this.processOf(name).pid, signal);
  }

  /** `kill -9`. Resolves when the process is gone. */
  async kill(name: string): Promise<void> {
    const identity = this.processOf(name);
    process.kill(identity.pid, 'SIGKILL');
    if (!(await gone(identity, 5_000))) throw new Error(`${name} (${identity.pid}) survived SIGKILL`);
  }

  /**
   * `kill -9` of processes that stay down while `work` runs: the supervisor is stopped meanwhile, then starts them again. `work` may kill more.
   * Resolves with what `work` gave, once they all run again.
   */
  async whileDown<T>(names: readonly string[], work: (kill: (name: string) => Promise<void>) => Promise<T>): Promise<T> {
    const restarts: { name: string; before: number }[] = [];
    const kill = async (name: string): Promise<void> => {
      restarts.push({ name, before: this.restarts(name) });
      await this.kill(name);
    };
    const supervisor = this.launched.running.identity.pid;
    process.kill(supervisor, 'SIGSTOP');
    try {
      await Promise.all(names.map(kill));
      return await work(kill);
    } finally {
      process.kill(supervisor, 'SIGCONT');
      await Promise.all(restarts.map(({ name, before }) => this.runsAgain(name, before + 1)));
    }
  }

  /** Waits until the supervisor has started a process again so many times. */
  async runsAgain(name: string, times: number): Promise<void> {
    await eventually(`the supervisor to start ${name} again (${times})`, (saw) => {
      saw(`it says:\n${this.output().slice(-3_000)}`);
      return this.restarts(name) >= times ? true : undefined;
    }, startMs);
  }

  /** How often the supervisor has started a process again. */
  restarts(name: string): number {
    return this.output().split(`\n${name} runs again (`).length - 1;
  }

  /** `mizan`, as anybody would run it: a process of its own. */
  mizan(...args: string[]): Promise<Ended> {
    return program(mizan, args);
  }

  /** `mizan-node`. */
  node(...args: string[]): Promise<Ended> {
    return program(join(root, 'dist/apps/node/main.js'), args);
  }

  /** `mizan verify` against this stack: its answer and its exit code. Facts may be on their way between services for `patienceSeconds`. */
  async verify(patienceSeconds = 10): Promise<{ invariants: readonly Invariant[]; code: number }> {
    const { code, stdout, stderr } = await this.mizan('verify', '--json', '--run', this.home.path('run.json'), '--patience', String(patienceSeconds));
    try {
      return { ...(JSON.parse(stdout) as { invariants: readonly Invariant[] }), code };
    } catch {
      throw new Error(`mizan verify ended with ${code} and no answer.\nstdout: ${stdout}\nstderr: ${stderr}`);
    }
  }

  /** Ctrl-C. Resolves with its exit code. Errors: it does not end, or leaves processes behind. Again does nothing. */
  stop(): Promise<number | null> {
    this.stopped ??= this.end();
    return this.stopped;
  }

  private async end(): Promise<number | null> {
    const { running } = this.launched;
    const pids = this.home.path('pids');
    const children = existsSync(pids) ? readdirSync(pids).map((file) => ({ file, ...this.home.readJson<ProcessIdentity>('pids', file)! })) : [];
    try {
      if (running.exit() === undefined) process.kill(running.identity.pid, 'SIGINT');
      const { code } = await inTime(running.exited, () => `the stack did not stop within ${stopMs / 1_000} s; it says:\n${this.output()}`);
      const left = children.filter((child) => isRunning(child)).map(({ file }) => file);
      if (left.length > 0) throw new Error(`the stack ended with ${code} and left behind: ${left.join(', ')}`);
      return code;
    } finally {
      await running.kill();
      forget(this.home);
      this.endTurn();
    }
  }
}

interface Launched {
  readonly running: Running;
  /** Where in the log this start begins. */
  readonly logStart: number;
}

const outputOf = ({ running, logStart }: Launched): string => readFileSync(running.logFile).subarray(logStart).toString('utf8');

/** Resolves when the stack says that it is up. Error: with what it said instead; it has ended then. */
async function launch(home: Home, env: Record<string, string>): Promise<Launched> {
  const logFile = home.path('log', 'standalone.log');
  const logStart = existsSync(logFile) ? statSync(logFile).size : 0;
  const running = await launchKept(home.path('log'))({
    name: 'standalone',
    command: process.execPath,
    args: ['--enable-source-maps', '--no-warnings', standalone, '--no-sample'],
    cwd: root,
    env,
    stopSignal: 'SIGINT',
    stopMs,
  });
  try {
    await eventually('the stack to be up', (saw) => {
      const output = outputOf({ running, logStart });
      saw(`it says:\n${output}`);
      if (running.exit() !== undefined) throw new Hopeless(`the stack ended:\n${output}`);
      return output.includes('\nMizan is up.') ? true : undefined;
    }, startMs);
    return { running, logStart };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

/** What `ended` gives, within `stopMs`. Error: `problem`. */
async function inTime<T>(ended: Promise<T>, problem: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => (timer = setTimeout(() => reject(new Error(problem())), stopMs)));
  try {
    return await Promise.race([ended, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves with how to end the turn, once no other process has a stack up. */
async function takeTurn(): Promise<() => void> {
  for (let turns = 1; ; turns += 1) {
    try {
      return await new Promise<() => void>((taken, failed) => void withFileLock(turnFile, () => new Promise<void>((ended) => taken(ended))).catch(failed));
    } catch (error) {
      if (!(error instanceof LocalError) || turns === turnsMax) throw error;
    }
  }
}

function forget(home: Home): void {
  if (!process.env['MIZAN_E2E_KEEP']) rmSync(home.root, { recursive: true, force: true, maxRetries: 5 });
}

/** Programs of this machine that a user named. */
function given(): Record<string, string> {
  const path = process.env['MIZAN_NATS_SERVER'];
  return path ? { MIZAN_NATS_SERVER: path } : {};
}

function program(main: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--no-warnings', main, ...args], { env: baseEnvironment(), timeout: programMs, maxBuffer: 64 * 1024 * 1024, cwd: tmpdir() }, (error, stdout, stderr) => {
      if (error === null) return resolve({ code: 0, stdout, stderr });
      if (typeof error.code === 'number') return resolve({ code: error.code, stdout, stderr });
      reject(new Error(`${main} ${args.join(' ')}: ${error.message}\n${stderr}`, { cause: error }));
    });
  });
}
