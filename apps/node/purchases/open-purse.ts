import { getAddress } from 'ethers';
import type { Logger } from 'pino';
import { openSigner } from '#chain';
import { failure } from '#protocol';
import type { NodeOptions } from '../node-options.js';
import type { PayableAsset } from './choose-way.js';
import { PurchaseChain } from './purchase-chain.js';
import { PurchaseJournal } from './purchase-journal.js';
import { Purse } from './purse.js';

type Given = Pick<NodeOptions, 'dir' | 'x402Rpc' | 'x402Key' | 'x402KeyPasswordFile' | 'x402Assets' | 'x402Payees' | 'x402MaxRequest' | 'x402MaxDay' | 'x402MaxHostDay'>;

/** The purse of a machine, by its options. Errors: REQUEST_INVALID, CONFLICT (key), SERVICE_UNAVAILABLE (key management service), CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
export async function openPurse(given: Given, logger: Pick<Logger, 'info' | 'warn'>, watchMs?: number): Promise<Purse> {
  const { x402Rpc: rpcUrl, x402Key: key, x402Assets: named, x402MaxRequest: requestNanos, x402MaxDay: dayNanos } = given;
  if (rpcUrl === undefined || key === undefined || named === undefined || requestNanos === undefined || dayNanos === undefined) {
    throw failure('REQUEST_INVALID', 'an x402+ engine needs --x402-rpc, --x402-key, --x402-assets, --x402-max-request and --x402-max-day');
  }
  const network = networkOf(named);
  const signer = await openSigner(key, { keystorePasswordFile: given.x402KeyPasswordFile });
  const chain = await PurchaseChain.open(rpcUrl, network, signer.address);
  try {
    const assets = new Map<string, PayableAsset>();
    for (const address of named.map((one) => getAddress(one.slice(one.indexOf('/') + 1).toLowerCase()))) assets.set(address, await chain.asset(address));
    const limits = { network, assets, payees: payeesOf(given.x402Payees ?? []), requestNanos, dayNanos, hostDayNanos: given.x402MaxHostDay ?? dayNanos };
    const journal = await PurchaseJournal.open(given.dir, Date.now());
    logger.info({ payer: signer.address, network, assets: [...assets.keys()] }, 'buys by x402');
    return await Purse.start({ journal, chain, signer, limits, nowMs: () => Date.now(), log: logger, watchMs });
  } catch (error) {
    chain.close();
    throw error;
  }
}

/** One machine pays on one chain. */
function networkOf(assets: readonly string[]): string {
  const networks = new Set(assets.map((one) => one.slice(0, one.indexOf('/'))));
  if (networks.size !== 1) throw failure('REQUEST_INVALID', `--x402-assets: all on one chain, not on ${[...networks].join(' and ')}`);
  return [...networks][0]!;
}

function payeesOf(named: readonly string[]): Map<string, string[]> {
  const byHost = new Map<string, string[]>();
  for (const one of named) {
    const at = one.lastIndexOf('=');
    const host = one.slice(0, at).toLowerCase();
    byHost.set(host, [...(byHost.get(host) ?? []), getAddress(one.slice(at + 1).toLowerCase())]);
  }
  return byHost;
}
