import { rmSync } from 'node:fs';
import { nodePermissions } from '#protocol';
import type { CredentialName } from '#protocol';
import { createNatsOperator, findNatsServer, freePort, issueCredentials, newUserSeed, provisionNats, startNats, userCredentials } from '#local';
import type { NatsOperator, NatsServer, UserPermissions } from '#local';
import { launchKept } from './kept.js';
import { ownDirectory, sharedHome } from './place.js';

export interface TestNats {
  url: string;
  operator: NatsOperator;
  /** Text of the credentials of each service, and of `provision` and `verify`. */
  credentials: Record<CredentialName, string>;
  /** May push account claims (revocations). */
  systemCredentials: string;
  /** The same credentials as files. */
  credentialFiles: NatsServer['credentialFiles'];
  /** Credentials of a provider's node. `seed` of a user key if it must be known. */
  nodeCredentials(node: string, seed?: string): Promise<string>;
  /** Credentials with any other allow lists. */
  credentialsWith(name: string, permissions: UserPermissions): Promise<string>;
  /** SIGKILL, as in a crash; data and port stay. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

/** A nats-server of this test file's own, in operator mode, with the protocol's streams and buckets unless `bare`. Error: `LocalError`. */
export async function testNats(options: { bare?: boolean } = {}): Promise<TestNats> {
  const program = await findNatsServer(sharedHome());
  const operator = await createNatsOperator();
  const credentials = await issueCredentials(operator);
  const port = await freePort();
  const directory = ownDirectory('nats');
  const start = (): Promise<NatsServer> => startNats({ directory, program, operator, credentials, port, launch: launchKept(directory) });
  let server = await start();
  if (options.bare !== true) await provisionNats(server.url, credentials.users.provision);
  return {
    url: server.url,
    operator,
    credentials: credentials.users,
    systemCredentials: credentials.system,
    credentialFiles: server.credentialFiles,
    nodeCredentials: (node, seed = newUserSeed()) => userCredentials(operator, node, nodePermissions(node), seed),
    credentialsWith: (name, permissions) => userCredentials(operator, name, permissions),
    kill: () => server.running.kill(),
    restart: async () => {
      server = await start();
    },
    stop: async () => {
      await server.running.kill();
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
