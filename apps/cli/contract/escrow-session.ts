import { Escrow } from '#chain';
import { openContract } from './contract-session.js';
import type { ContractKind, ContractOptions, ContractSession } from './contract-session.js';

export const escrowKind: ContractKind = { name: 'MizanEscrow', option: 'escrow', env: 'MIZAN_ESCROW' };

export interface EscrowSession extends ContractSession {
  readonly escrow: Escrow;
}

/** Errors as of {@link openContract}. */
export async function openEscrow(options: ContractOptions, sends: boolean): Promise<EscrowSession> {
  const { contract: escrow, ...session } = await openContract(escrowKind, (address, provider) => new Escrow(address, provider), options, sends);
  return { ...session, escrow };
}
