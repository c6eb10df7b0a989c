import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { credentialNames, credentialPermissions } from '#protocol';
import type { CredentialName } from '#protocol';
import { writePrivate } from './home.js';
import { newUserSeed, systemCredentials, userCredentials } from './nats-operator.js';
import type { NatsOperator } from './nats-operator.js';

/** What a running deployment hands to its parts. All values are secrets. */
export interface NatsCredentials {
  /** Text of `.creds` files. */
  users: Record<CredentialName, string>;
  system: string;
}

/** Issues the credentials of every service. The same seeds give the same identities again. */
export async function issueCredentials(operator: NatsOperator, seed: (name: string) => string = newUserSeed): Promise<NatsCredentials> {
  const users = await Promise.all(
    credentialNames.map(async (name) => [name, await userCredentials(operator, name, credentialPermissions(name), seed(name))] as const),
  );
  return { users: Object.fromEntries(users) as Record<CredentialName, string>, system: await systemCredentials(operator, seed('system')) };
}

/**
 * Server configuration in operator mode. Every path is relative to the working directory, so that the same files serve a
 * container. Account claims are preloaded; a newer version pushed later (a revocation) is kept in `jwt/` and wins.
 */
export function natsConfiguration(operator: NatsOperator, listen: { host: string; port: number }): string {
  return `# Written by Mizan at every start; changes are lost.
host: "${listen.host}"
port: ${listen.port}
server_name: "mizan"
max_payload: 1MB
# A credential with exact allow lists is longer than the default of 4 KB.
max_control_line: 64KB
# A client on a busy machine takes its time to sign; the default is two seconds.
authorization { timeout: 15 }
jetstream { store_dir: "./jetstream", max_memory_store: 256MB, max_file_store: 8GB }
operator: "${operator.operatorJwt}"
system_account: "${operator.systemAccount}"
resolver { type: full, dir: "./jwt", allow_delete: false, interval: "2m" }
resolver_preload {
  ${operator.systemAccount}: "${operator.systemAccountJwt}"
  ${operator.account}: "${operator.accountJwt}"
}
`;
}

/** Writes `nats.conf` and `creds/<name>.creds` into a directory (0600). Returns the path of each. */
export function writeNatsFiles(
  directory: string,
  operator: NatsOperator,
  credentials: NatsCredentials,
  listen: { host: string; port: number },
): { configuration: string; credentialFiles: Record<CredentialName | 'system', string> } {
  mkdirSync(join(directory, 'jwt'), { recursive: true });
  const configuration = join(directory, 'nats.conf');
  writePrivate(configuration, natsConfiguration(operator, listen));
  const credentialFiles = { system: join(directory, 'creds', 'system.creds') } as Record<CredentialName | 'system', string>;
  writePrivate(credentialFiles.system, credentials.system);
  for (const name of credentialNames) {
    credentialFiles[name] = join(directory, 'creds', `${name}.creds`);
    writePrivate(credentialFiles[name], credentials.users[name]);
  }
  return { configuration, credentialFiles };
}
