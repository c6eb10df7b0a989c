import { readFileSync } from 'node:fs';
import { formatUnits, getAddress, keccak256, parseUnits, Wallet } from 'ethers';
import type { JsonRpcProvider } from 'ethers';
import { Bonds, connect, namingRefusals, reaching, sendCall, Token, tokenCalls, tokenInterface } from '#chain';
import { readRecord } from '../chain/record-file.js';
import { walletKey } from '../wallet-key.js';
import type { KeyOptions } from '../wallet-key.js';

export interface BondOptions extends KeyOptions {
  readonly rpc: string;
  /** Address of the contract; or {@link record}. */
  readonly bonds?: string;
  /** Deployment record that names the contract and its chain. */
  readonly record?: string;
}

/** The contract, its token and the key that sends. Close it with `provider.destroy()`. */
export interface BondSession {
  readonly bonds: Bonds;
  readonly provider: JsonRpcProvider;
  readonly decimals: number;
  readonly unit: bigint;
  readonly token: string;
  /** Null when only looking. */
  readonly wallet: Wallet | null;
}

/** Errors: no contract is named or none stands there; another chain than the record's; the key is not readable. */
export async function openBonds(options: BondOptions, sends: boolean): Promise<BondSession> {
  const record = options.record === undefined ? null : readRecord(options.record);
  if (options.record !== undefined && !record) throw new Error(`there is no ${options.record}`);
  const address = record?.contracts['MizanBonds']?.address ?? options.bonds;
  if (address === undefined) throw new Error('no contract is named: use --bonds, --record or MIZAN_BONDS');
  const chainId = await chainIdOf(options.rpc);
  if (record && BigInt(record.chainId) !== chainId) throw new Error(`${options.rpc} is chain ${chainId}; the record is of chain ${record.chainId}`);
  const provider = connect(options.rpc, chainId);
  try {
    if ((await reaching(() => provider.getCode(address))) === '0x') throw new Error(`there is no contract at ${address} on chain ${chainId}`);
    const bonds = new Bonds(getAddress(address.toLowerCase()), provider);
    const { token, unit } = await bonds.constants();
    const decimals = await new Token(token, provider).decimals();
    return { bonds, provider, token, unit, decimals, wallet: sends ? new Wallet(walletKey(options), provider) : null };
  } catch (error) {
    provider.destroy();
    throw error;
  }
}

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
export function toUnits({ decimals, unit }: Pick<BondSession, 'decimals' | 'unit'>, amount: string): bigint {
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

export const toAmount = ({ decimals, unit }: Pick<BondSession, 'decimals' | 'unit'>, units: bigint): string => formatUnits(units * unit, decimals);

/** keccak256 of a file: what a claim or an answer refers to. The file itself goes to the arbiter, never on chain. */
export const hashOfFile = (path: string): string => keccak256(readFileSync(path));

/** Sends a call that the contract pays for by what the sender allows it to take, and allows just that if it is not allowed yet. */
export async function sendPaying({ bonds, provider, token, unit, wallet }: BondSession, units: bigint, data: string): Promise<string> {
  const amount = units * unit;
  const asked = tokenInterface.encodeFunctionData('allowance', [wallet!.address, bonds.address]);
  const allowed = BigInt(await reaching(() => provider.call({ to: token, data: asked })));
  if (allowed < amount) await sendCall(wallet!, token, tokenCalls.approve(bonds.address, amount));
  return (await namingRefusals(() => sendCall(wallet!, bonds.address, data))).hash;
}
