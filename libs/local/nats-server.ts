import { connect, credsAuthenticator } from '@nats-io/transport-node';
import { serviceInboxPrefix } from '#protocol';
import { baseEnvironment } from './launch.js';
import type { Launch, Running } from './launch.js';
import { LocalError } from './local.errors.js';
import { writeNatsFiles } from './nats-files.js';
import type { NatsCredentials } from './nats-files.js';
import type { NatsOperator } from './nats-operator.js';
import type { NatsProgram } from './nats-program.js';
import { exposureRefusal } from './nats-version.js';
import { whenReady } from './ready.js';

export interface NatsOptions {
  /** Holds configuration, credentials, account claims and JetStream's store. */
  directory: string;
  program: NatsProgram;
  operator: NatsOperator;
  credentials: NatsCredentials;
  port: number;
  /** Default `127.0.0.1`. */
  host?: string;
  launch: Launch;
}

export interface NatsServer {
  url: string;
  credentialFiles: ReturnType<typeof writeNatsFiles>['credentialFiles'];
  running: Running;
}

/**
 * Starts a nats-server in operator mode and resolves when a service can log in.
 * Errors: `LocalError` when an affected server would be exposed beyond loopback, or with the end of its log.
 */
export async function startNats(options: NatsOptions): Promise<NatsServer> {
  const host = options.host ?? '127.0.0.1';
  const refusal = exposureRefusal(options.program.version, host);
  if (refusal !== undefined) throw new LocalError(refusal);
  const { credentialFiles } = writeNatsFiles(options.directory, options.operator, options.credentials, { host, port: options.port });
  const running = await options.launch({
    name: 'nats-server',
    command: options.program.path,
    args: ['-c', 'nats.conf'],
    cwd: options.directory,
    env: baseEnvironment(),
    stopSignal: 'SIGTERM',
    stopMs: 10_000,
  });
  const url = `nats://${host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host}:${options.port}`;
  await whenReady(running, () => canLogIn(url, options.credentials), 20_000);
  return { url, credentialFiles, running };
}

/** Whether the server knows these credentials. */
export async function canLogIn(url: string, credentials: NatsCredentials): Promise<boolean> {
  const connection = await connect({
    servers: url,
    authenticator: credsAuthenticator(new TextEncoder().encode(credentials.users.provision)),
    inboxPrefix: serviceInboxPrefix('provision'),
    reconnect: false,
    timeout: 15_000,
  });
  await connection.close();
  return true;
}
