import type { ProcessIdentity } from './process-identity.js';

/** What to run. Output goes to a log file, standard input is empty. */
export interface LaunchSpec {
  /** Names the process in messages, its log and its pid file. */
  name: string;
  command: string;
  args: string[];
  cwd?: string;
  /** The whole environment, nothing is inherited. */
  env: Record<string, string>;
  uid?: number;
  gid?: number;
  /** How this program is asked to end, and for how long it may take. */
  stopSignal?: NodeJS.Signals;
  stopMs?: number;
}

export interface Exit {
  code: number | null;
  signal: string | null;
}

/** A process that runs. */
export interface Running {
  readonly name: string;
  readonly identity: ProcessIdentity;
  readonly logFile: string;
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<Exit>;
  /** The exit, once there is one. */
  exit(): Exit | undefined;
  /** Asks it to end, then ends it. Resolves when it is gone. */
  stop(): Promise<void>;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
}

/** Starts processes: the stand-alone stack and the tests have one each. */
export type Launch = (spec: LaunchSpec) => Promise<Running>;

/** What a child needs of our environment to find programs, a home and a temporary directory: nothing of secrets. */
export function baseEnvironment(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS']) {
    const value = process.env[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
