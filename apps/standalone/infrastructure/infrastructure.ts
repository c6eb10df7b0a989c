import { finaliseTraffic, launchUnder, localChain, localDatabase, localNats } from '#local';
import type { Home, LocalChain, LocalDatabase, LocalNats, Ports, Running, Secrets } from '#local';
import type { Narrator } from '../narrator.js';
import type { Supervisor } from '../processes/supervisor.js';

export interface Infrastructure {
  database: LocalDatabase;
  nats: LocalNats;
  chain: LocalChain;
}

/** Names of the processes, as the supervisor knows them. */
export const infrastructureNames = ['postgres', 'nats-server', 'chain'];

/** Brings up PostgreSQL, NATS and the EVM chain at once; those given by URL are only checked. Errors: `LocalError`. */
export async function startInfrastructure(parts: { home: Home; programs: Home; secrets: Secrets; ports: Ports; narrator: Narrator; supervisor: Supervisor }): Promise<Infrastructure> {
  const { home, programs, secrets, ports, narrator, supervisor } = parts;
  const launch = launchUnder(home);
  const say = (line: string): void => narrator.say(`  ${line}`);
  const keep = <T extends { running?: Running }>(start: () => Promise<T>) => async (): Promise<T> => {
    const part = await start();
    // A part given by URL is somebody else's to keep.
    if (part.running !== undefined) supervisor.adopt(part.running.name, part.running, async () => (await start()).running!);
    return part;
  };
  const [database, nats, chain] = await Promise.all([
    narrator.step('PostgreSQL', keep(() => localDatabase({ home, secrets, ports, launch })), ({ adminUrl }) => new URL(adminUrl).host),
    narrator.step('NATS', keep(() => localNats({ home, programs, secrets, ports, launch, say })), ({ url, version }) => `${new URL(url).host}${version === undefined ? '' : `, nats-server ${version}`}`),
    narrator.step('EVM chain', keep(() => localChain({ home, ports, launch })), ({ rpcUrl, chainId }) => `${new URL(rpcUrl).host}, chain ${chainId}`),
  ]);
  if (chain.running !== undefined) finaliseTraffic(chain.rpcUrl);
  return { database, nats, chain };
}
