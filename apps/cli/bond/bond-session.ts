import { readFileSync } from 'node:fs';
import { keccak256 } from 'ethers';
import { Bonds, namingRefusals, reaching, sendCall, tokenCalls, tokenInterface } from '#chain';
import { openContract } from '../contract/contract-session.js';
import type { ContractKind, ContractOptions, ContractSession } from '../contract/contract-session.js';

export const bondsKind: ContractKind = { name: 'MizanBonds', option: 'bonds', env: 'MIZAN_BONDS' };

export interface BondSession extends ContractSession {
  readonly bonds: Bonds;
}

/** Errors as of {@link openContract}. */
export async function openBonds(options: ContractOptions, sends: boolean): Promise<BondSession> {
  const { contract: bonds, ...session } = await openContract(bondsKind, (address, provider) => new Bonds(address, provider), options, sends);
  return { ...session, bonds };
}

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
