import { ContractFactory } from 'ethers';
import type { InterfaceAbi, Signer } from 'ethers';
import { escrowAbi, testDollarAbi } from '#protocol';
import { escrowBytecode, testDollarBytecode } from './bytecode.js';
import { reaching } from './chain-failure.js';

export interface EscrowParameters {
  /** Address of the ERC-20 that the escrow holds. */
  readonly token: string;
  /** Base units of the token in one unit; 1 for a dollar token with 6 decimals. */
  readonly unit: bigint;
  /** Seconds from asking a deposit back to getting it; 1 second to 90 days. */
  readonly thawSeconds: bigint;
}

async function deploy(signer: Signer, abi: InterfaceAbi, bytecode: string, parameters: readonly unknown[]): Promise<string> {
  return reaching(async () => {
    const contract = await new ContractFactory(abi, bytecode, signer).deploy(...parameters);
    await contract.waitForDeployment();
    return contract.getAddress();
  });
}

/** Deploys the test token; waits until it is mined. Returns its address. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
export function deployTestDollar(signer: Signer): Promise<string> {
  return deploy(signer, testDollarAbi, testDollarBytecode, []);
}

/** Deploys an escrow; waits until it is mined. Returns its address. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
export function deployEscrow(signer: Signer, { token, unit, thawSeconds }: EscrowParameters): Promise<string> {
  return deploy(signer, escrowAbi, escrowBytecode, [token, unit, thawSeconds]);
}
