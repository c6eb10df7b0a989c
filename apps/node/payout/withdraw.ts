import type { JsonRpcProvider, Wallet } from 'ethers';
import { connect, Escrow, escrowCalls, sendCall } from '#chain';
import { failure } from '#protocol';

export interface Withdrawal {
  readonly tx: string;
  /** In token units. */
  readonly units: bigint;
  readonly to: string;
}

/**
 * Takes all credit of the wallet's payee number out of the escrow.
 * Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED, NOT_FOUND (not registered as payee), NOTHING_DUE.
 */
export async function withdraw(request: { rpcUrl: string; escrow: string; wallet: Wallet; to?: string; payers?: readonly string[] }): Promise<Withdrawal> {
  const provider = connect(request.rpcUrl, await chainIdAt(request.rpcUrl));
  try {
    return await take(provider, request);
  } finally {
    provider.destroy();
  }
}

async function take(provider: JsonRpcProvider, request: Parameters<typeof withdraw>[0]): Promise<Withdrawal> {
  const escrow = new Escrow(request.escrow, provider);
  const index = await escrow.indexOf(request.wallet.address);
  if (index === null) throw failure('NOT_FOUND', `${request.wallet.address} is not registered as a payee of ${request.escrow}`);
  const payers: string[] = [];
  let units = 0n;
  for (const payer of request.payers ?? (await payersOf(provider, escrow))) {
    const { cumulative, drawn } = await escrow.credit(payer, index);
    if (cumulative === drawn) continue;
    payers.push(payer);
    units += cumulative - drawn;
  }
  if (units === 0n) throw failure('NOTHING_DUE', `nothing is credited to ${request.wallet.address}`);
  const to = request.to ?? request.wallet.address;
  const receipt = await sendCall(request.wallet.connect(provider), request.escrow, escrowCalls.withdraw(payers, index, to));
  return { tx: receipt.hash, units, to };
}

/** Blocks asked for at once: what public endpoints allow. */
const blocksPerAsk = 5_000;

/** Everyone who ever settled an epoch here. */
async function payersOf(provider: JsonRpcProvider, escrow: Escrow): Promise<string[]> {
  const payers = new Set<string>();
  const last = await provider.getBlockNumber();
  for (let from = 0; from <= last; from += blocksPerAsk) {
    for (const event of await escrow.events(from, Math.min(from + blocksPerAsk - 1, last))) {
      if (event.name === 'EpochSettled') payers.add(event.payer);
    }
  }
  return [...payers];
}

async function chainIdAt(rpcUrl: string): Promise<bigint> {
  try {
    const response = await fetch(rpcUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] }),
      signal: AbortSignal.timeout(5_000),
    });
    return BigInt(((await response.json()) as { result: string }).result);
  } catch (error) {
    throw failure('CHAIN_UNAVAILABLE', `the chain at ${rpcUrl} does not answer`, {}, error);
  }
}
