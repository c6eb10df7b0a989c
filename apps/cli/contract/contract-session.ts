import { formatUnits, getAddress, parseUnits, Wallet } from 'ethers';
import type { JsonRpcProvider } from 'ethers';
import { connect, reaching, Token } from '#chain';
import { isDomainError } from '#kernel';
import { readRecord } from '../chain/record-file.js';
import { walletKey } from '../wallet-key.js';
import type { KeyOptions } from '../wallet-key.js';

/** A contract that counts units of a token, and how a command is told where it stands. */
export interface ContractKind {
  /** In a deployment record. */
  readonly name: string;
  /** Names the option `--<option>`. */
  readonly option: string;
  readonly env: string;
}

export interface ContractOptions extends KeyOptions {
  readonly rpc: string;
  /** Address of the contract; or {@link record}. */
  readonly address?: string;
  /** Deployment record that names the contract and its chain. */
  readonly record?: string;
  /** Id of the chain on which the address is; any, if it is not known. */
  readonly chainId?: number;
}

/** How amounts of a token are written. */
export interface Denomination {
  readonly decimals: number;
  /** Base units of the token in one unit. */
  readonly unit: bigint;
}

/** A contract's token and the key that sends. Close it with `provider.destroy()`. */
export interface ContractSession extends Denomination {
  readonly provider: JsonRpcProvider;
  readonly token: string;
  /** Null when only looking. */
  readonly wallet: Wallet | null;
}

/** Errors: no contract is named or none stands there; another chain than the record's; the key is not readable. */
export async function openContract<C extends { constants(): Promise<{ token: string; unit: bigint }> }>(
  kind: ContractKind,
  at: (address: string, provider: JsonRpcProvider) => C,
  options: ContractOptions,
  sends: boolean,
): Promise<ContractSession & { readonly contract: C }> {
  const record = options.record === undefined ? null : readRecord(options.record);
  if (options.record !== undefined && !record) throw new Error(`there is no ${options.record}`);
  const named = record?.contracts[kind.name]?.address ?? options.address;
  if (named === undefined) throw new Error(`no contract is named: use --${kind.option}, --record or ${kind.env}`);
  const address = accountOf(named);
  const chainId = await chainIdOf(options.rpc);
  const expected = record?.chainId ?? options.chainId;
  if (expected !== undefined && BigInt(expected) !== chainId) throw new Error(`${options.rpc} is chain ${chainId}; the ${record ? 'record' : 'statement'} is of chain ${expected}`);
  const provider = connect(options.rpc, chainId);
  try {
    if ((await reaching(() => provider.getCode(address))) === '0x') throw new Error(`there is no contract at ${address} on chain ${chainId}`);
    const contract = at(address, provider);
    const { token, unit } = await constantsOf(contract, kind, address);
    const decimals = await new Token(token, provider).decimals();
    return { contract, provider, token, unit, decimals, wallet: sends ? new Wallet(walletKey(options), provider) : null };
  } catch (error) {
    provider.destroy();
    throw error;
  }
}

/** What only a contract of the kind answers. Error: something else stands there. */
async function constantsOf<T>(contract: { constants(): Promise<T> }, { name }: ContractKind, address: string): Promise<T> {
  try {
    return await contract.constants();
  } catch (error) {
    const isOther = isDomainError(error, 'CHAIN_REJECTED') || ((error as Error).cause as { code?: unknown } | undefined)?.code === 'BAD_DATA';
    throw isOther ? new Error(`what stands at ${address} is no ${name}`, { cause: error }) : error;
  }
}

/** The id of the chain behind an endpoint. Error: CHAIN_UNAVAILABLE. */
async function chainIdOf(rpc: string): Promise<bigint> {
  // The id is not known yet: this provider asks one question and makes no transaction.
  const provider = connect(rpc, 1n);
  try {
    return BigInt(await reaching(() => provider.send('eth_chainId', []) as Promise<string>));
  } finally {
    provider.destroy();
  }
}

/** An amount of the token, as people write it, in units. Errors: no number; finer than a unit. */
export function toUnits({ decimals, unit }: Denomination, amount: string): bigint {
  let base: bigint;
  try {
    base = parseUnits(amount, decimals);
  } catch {
    throw new Error(`"${amount}" is not an amount of a token with ${decimals} decimals`);
  }
  if (base < 0n) throw new Error(`"${amount}" is below zero`);
  if (base % unit !== 0n) throw new Error(`"${amount}" is finer than the smallest unit, ${formatUnits(unit, decimals)}`);
  return base / unit;
}

export const toAmount = ({ decimals, unit }: Denomination, units: bigint): string => formatUnits(units * unit, decimals);

/** An address as people write it, with its checksum. Error: it is none. */
export function accountOf(text: string): string {
  if (!/^0x[0-9a-f]{40}$/i.test(text)) throw new Error(`"${text}" is not an address: 0x and 40 hex digits`);
  return getAddress(text.toLowerCase());
}
