import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { credentialNames } from '#protocol';
import type { CredentialName } from '#protocol';
import type { Home } from './home.js';
import type { Launch, Running } from './launch.js';
import { LocalError } from './local.errors.js';
import { issueCredentials, writeNatsFiles } from './nats-files.js';
import type { NatsCredentials } from './nats-files.js';
import { createNatsOperator, newUserSeed } from './nats-operator.js';
import type { NatsOperator } from './nats-operator.js';
import { findNatsServer } from './nats-program.js';
import { provisionNats } from './nats-provision.js';
import { canLogIn, startNats } from './nats-server.js';
import type { Ports } from './ports.js';
import type { Secrets } from './secrets.js';

export interface LocalNats {
  url: string;
  credentialFiles: Record<CredentialName | 'system', string>;
  /** What the scheduler needs to let nodes in: the account and its signing seed, and the operator's seed to revoke. */
  operator: NatsOperator;
  version?: string;
  running?: Running;
}

/** The operator of this home, made once. */
export async function localOperator(home: Home): Promise<NatsOperator> {
  const known = home.readJson<NatsOperator>('nats', 'operator.json');
  if (known !== undefined) return known;
  const made = await createNatsOperator();
  home.writeJson(made, 'nats', 'operator.json');
  return made;
}

/**
 * The deployment's NATS, with streams and buckets: a server of our own under `.mizan/nats`, or the one that `MIZAN_NATS_URL`
 * names. The latter runs with `.mizan/nats/nats.conf`, or `MIZAN_NATS_CREDS` names a directory that holds `operator.json` and
 * `creds/*.creds` of its own. Errors: `LocalError`.
 */
export async function localNats(parts: {
  home: Home;
  secrets: Secrets;
  ports: Ports;
  launch: Launch;
  /** Where a server unpacked earlier is kept; default `home`. */
  programs?: Home;
  say?: (line: string) => void;
  env?: NodeJS.ProcessEnv;
}): Promise<LocalNats> {
  const { home, secrets, ports, launch, programs = home, say = () => {}, env = process.env } = parts;
  const given = env['MIZAN_NATS_URL'];
  if (given !== undefined && given !== '' && env['MIZAN_NATS_CREDS']) return foreign(given, env['MIZAN_NATS_CREDS']);
  const operator = await localOperator(home);
  const credentials = await issueCredentials(operator, (name) => secrets.get(`nats:${name}`, newUserSeed));
  if (given !== undefined && given !== '') {
    const { credentialFiles } = writeNatsFiles(home.directory('nats'), operator, credentials, { host: '127.0.0.1', port: 4222 });
    return ready(given, operator, credentials, credentialFiles);
  }
  const port = await ports.take('nats');
  // Written before the search, so that the container of the failure's sentence finds its configuration.
  writeNatsFiles(home.directory('nats'), operator, credentials, { host: '127.0.0.1', port });
  const program = await findNatsServer(programs, say, env);
  const server = await startNats({ directory: home.directory('nats'), program, operator, credentials, port, launch });
  await provisionNats(server.url, credentials.users.provision);
  return { url: server.url, credentialFiles: server.credentialFiles, operator, version: program.version, running: server.running };
}

async function ready(
  url: string,
  operator: NatsOperator,
  credentials: NatsCredentials,
  credentialFiles: LocalNats['credentialFiles'],
): Promise<LocalNats> {
  await canLogIn(url, credentials).catch((error: unknown) => {
    throw new LocalError(`MIZAN_NATS_URL=${url}: ${(error as Error).message}. The server must run with the operator, accounts and JetStream of nats.conf.`, {
      cause: error,
    });
  });
  await provisionNats(url, credentials.users.provision);
  return { url, operator, credentialFiles };
}

async function foreign(url: string, directory: string): Promise<LocalNats> {
  const files = Object.fromEntries([...credentialNames, 'system' as const].map((name) => [name, join(directory, 'creds', `${name}.creds`)])) as LocalNats['credentialFiles'];
  const missing = [...Object.values(files), join(directory, 'operator.json')].filter((path) => !existsSync(path));
  if (missing.length > 0) throw new LocalError(`MIZAN_NATS_CREDS=${directory} lacks ${missing.join(', ')}`);
  const users = Object.fromEntries(credentialNames.map((name) => [name, readFileSync(files[name], 'utf8')])) as NatsCredentials['users'];
  const operator = JSON.parse(readFileSync(join(directory, 'operator.json'), 'utf8')) as NatsOperator;
  return ready(url, operator, { users, system: readFileSync(files.system, 'utf8') }, files);
}
