import { hexlify, randomBytes, Wallet } from 'ethers';
import { askChain, LocalError } from '#local';
import type { LocalChain, Secrets } from '#local';

export interface Wallets {
  /** Deploys the contracts, pays the gas of settlement. */
  relayer: Wallet;
  /** The bank: its deposit pays the providers; signs statements. */
  payer: Wallet;
  /** The operator's own payer: anchors the log, has no deposit. */
  anchor: Wallet;
  /** The operator: buyers without an account pay it, and its own deposit pays for the machines that served them. */
  operator: Wallet;
  /** Where the operator's share of what its customers' requests cost goes. */
  operatorFees: Wallet;
  /** Who owns the mail of the sample, and has a part of what its use costs. */
  dataOwner: Wallet;
  /** Somebody without an account. */
  buyer: Wallet;
}

/** Enough for thousands of transactions. */
const gasMoney = '0x56bc75e2d63100000'; // 100 ether
const gasMoneyLeast = 10n ** 18n;

/** The stack's own keys, made once. */
export function wallets(secrets: Secrets): Wallets {
  const make = (name: string): Wallet => new Wallet(secrets.get(`wallet:${name}`, () => hexlify(randomBytes(32))));
  return { relayer: make('relayer'), payer: make('payer'), anchor: make('anchor'), operator: make('operator'), operatorFees: make('operator-fees'), dataOwner: make('data-owner'), buyer: make('buyer') };
}

/** Gives an address gas money on the embedded chain; on a chain given by URL it must have some. Error: `LocalError`. */
export async function fundGas(chain: LocalChain, address: string): Promise<void> {
  const balance = BigInt(await askChain<string>(chain.rpcUrl, 'eth_getBalance', [address, 'latest']));
  if (balance >= gasMoneyLeast) return;
  if (chain.running !== undefined) {
    await askChain(chain.rpcUrl, 'anvil_setBalance', [address, gasMoney]);
    return;
  }
  await askChain(chain.rpcUrl, 'anvil_setBalance', [address, gasMoney]).catch(() => {
    if (balance === 0n) throw new LocalError(`${address} has no gas money on the chain of MIZAN_RPC_URL: send it some and start again`);
  });
}
