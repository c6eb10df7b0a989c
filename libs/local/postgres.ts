import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import pg from 'pg';
import { baseEnvironment } from './launch.js';
import type { Launch, LaunchSpec, Running } from './launch.js';
import { obituary } from './child.js';
import { LocalError } from './local.errors.js';
import { postgresBinaries } from './postgres-binaries.js';
import { whenReady } from './ready.js';
import { unprivilegedUser } from './unprivileged-user.js';
import type { RunAs } from './unprivileged-user.js';

export interface PostgresOptions {
  /** Holds `data/`; made when missing. */
  directory: string;
  port: number;
  /** Of the superuser `postgres`. */
  password: string;
  launch: Launch;
  /** For throw-away servers of tests: no fsync. */
  volatile?: boolean;
}

export interface PostgresServer {
  /** Superuser's URL of a database (default `postgres`). */
  url(database?: string): string;
  running: Running;
}

/**
 * Starts the embedded PostgreSQL on loopback, making its cluster the first time. Resolves when it answers.
 * Errors: `LocalError` with the end of its log.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const binaries = postgresBinaries();
  mkdirSync(options.directory, { recursive: true });
  const runAs = unprivilegedUser([binaries.directory, options.directory]);
  if (runAs.uid !== undefined) chownSync(options.directory, runAs.uid, runAs.gid!);
  if (!existsSync(join(options.directory, 'data', 'PG_VERSION'))) await initialise(options, binaries.initdb, runAs);
  const url = (database = 'postgres'): string => `postgres://postgres:${options.password}@127.0.0.1:${options.port}/${database}`;
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(options.port),
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    timezone: 'UTC',
    ...(options.volatile === true ? { fsync: 'off', full_page_writes: 'off' } : {}),
  };
  const args = ['-D', join(options.directory, 'data'), ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const spec: LaunchSpec = { ...program(runAs, binaries.postgres, args), name: 'postgres', cwd: options.directory, stopSignal: 'SIGINT', stopMs: 20_000 };
  for (let tries = 1; ; tries += 1) {
    const running = await options.launch(spec);
    try {
      await whenReady(running, () => answers(url()), 60_000);
      return { url, running };
    } catch (error) {
      if (tries === triesMax || !/shared memory block|lock file .* already exists/.test((error as Error).message)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** Processes of a killed server hold its memory for a moment: 20 × 0.5 s. */
const triesMax = 20;

/** Makes the cluster beside its place and moves it there when whole, so that a killed first start is no damage. */
async function initialise(options: PostgresOptions, initdb: string, runAs: RunAs): Promise<void> {
  const making = join(options.directory, 'data.making');
  const passwordFile = join(options.directory, 'password.making');
  rmSync(making, { recursive: true, force: true });
  rmSync(passwordFile, { force: true });
  writeFileSync(passwordFile, `${options.password}\n`, { mode: 0o600 });
  if (runAs.uid !== undefined) chownSync(passwordFile, runAs.uid, runAs.gid!);
  try {
    const args = [`--pgdata=${making}`, '--auth=scram-sha-256', '--username=postgres', `--pwfile=${passwordFile}`, '--encoding=UTF8', '--locale=C'];
    if (options.volatile === true) args.push('--no-sync');
    const running = await options.launch({ ...program(runAs, initdb, args), name: 'postgres-init', cwd: options.directory });
    const { code } = await running.exited;
    if (code !== 0) throw new LocalError(obituary(running));
    renameSync(making, join(options.directory, 'data'));
  } finally {
    rmSync(passwordFile, { force: true });
  }
}

function program(runAs: RunAs, path: string, args: string[]): Pick<LaunchSpec, 'command' | 'args' | 'env' | 'uid' | 'gid'> {
  const [command, ...rest] = [...runAs.prefix, path, ...args] as [string, ...string[]];
  return { command, args: rest, uid: runAs.uid, gid: runAs.gid, env: { ...baseEnvironment(), HOME: dirname(path), LC_ALL: 'C' } };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } finally {
    await client.end().catch(() => {});
  }
}
