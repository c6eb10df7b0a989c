import { Wallet } from 'ethers';
import { askChain, withClient } from '#local';
import { anvilKeys } from '#testing';
import { until } from '../payouts/books-harness.js';
import type { SettlementHarness } from '../payouts/settlement-harness.js';

/** A statement that is signed and handed out, and that waits for coins. */
export interface Unsent {
  readonly id: string;
  /** The call that would land it. */
  readonly data: string;
}

const waiting = `SELECT s.id, t.data FROM settlement.statements s JOIN settlement.transactions t ON t.id = s.transaction
  WHERE s.tenant = $1 AND s.settled_tx IS NULL AND s.taken_back_at IS NULL AND t.state = 'planned' AND t.error LIKE '%too few coins%'`;

/** Takes the relayer its coins, so that the statement which `run` has signed for a tenant waits; `meanwhile` comes before there are some again, whatever becomes of it. */
export async function whileUnsent({ rpcUrl, database }: Pick<SettlementHarness, 'rpcUrl' | 'database'>, tenant: string, run: () => unknown, meanwhile: (unsent: Unsent) => Promise<unknown>): Promise<Unsent> {
  const relayer = new Wallet(anvilKeys[3]).address;
  const coins = await askChain<string>(rpcUrl, 'eth_getBalance', [relayer, 'latest']);
  await askChain(rpcUrl, 'anvil_setBalance', [relayer, '0x1']);
  try {
    run();
    let unsent: Unsent | undefined;
    await until(async () => (unsent = await withClient(database.adminUrl, async (client) => (await client.query<Unsent>(waiting, [tenant])).rows[0])) !== undefined);
    await meanwhile(unsent!);
    return unsent!;
  } finally {
    await askChain(rpcUrl, 'anvil_setBalance', [relayer, coins]);
  }
}
