import { SystemClock } from '#kernel';
import { ChainView } from './chain-view.js';
import { checkInvariants } from './check-invariants.js';
import type { InvariantResult } from './finding.js';
import { ReadOnlyDatabase } from './read-only-database.js';
import { fetchSignedHead } from './signed-head.js';
import { StreamProgress } from './stream-progress.js';
import type { Targets } from './targets.js';

/** Checks the invariants of a deployment from outside. Error: a given part cannot be reached. */
export async function look(targets: Targets, options: { readonly patienceMs: number; readonly logKey: string | undefined }): Promise<InvariantResult[]> {
  const { databaseUrl, nats, chain: contract, api } = targets;
  const database = await reaching('the database', () => ReadOnlyDatabase.connect(databaseUrl));
  let streams: StreamProgress | undefined;
  let chain: ChainView | undefined;
  try {
    streams = nats && (await reaching('NATS', () => StreamProgress.connect(nats.url, nats.creds)));
    chain = contract && new ChainView(contract.rpcUrl, contract.chainId, contract.escrow);
    return await checkInvariants(
      {
        snapshot: (work) => database.snapshot(work),
        streams,
        chain,
        signedHead: api && (() => fetchSignedHead(api.url, api.key, options.logKey)),
        clock: new SystemClock(),
      },
      options.patienceMs,
    );
  } finally {
    chain?.close();
    await streams?.close();
    await database.close();
  }
}

async function reaching<T>(what: string, connect: () => Promise<T>): Promise<T> {
  try {
    return await connect();
  } catch (error) {
    throw new Error(`${what} cannot be reached: ${(error as Error).message}`, { cause: error });
  }
}
