import { AbiCoder, concat, ContractFactory, getCreateAddress, keccak256 } from 'ethers';
import type { InterfaceAbi, Signer } from 'ethers';
import { bondsAbi, escrowAbi, testDollarAbi } from '#protocol';
import { bondsBytecode, escrowBytecode, testDollarBytecode } from './bytecode.js';
import { reaching } from './chain-failure.js';
import type { BuiltContract } from './verify-code.js';

export interface EscrowParameters {
  /** Address of the ERC-20 that the escrow holds. */
  readonly token: string;
  /** Base units of the token in one unit; 1 for a dollar token with 6 decimals. */
  readonly unit: bigint;
  /** Seconds from asking a deposit back to getting it; 1 second to 90 days. */
  readonly thawSeconds: bigint;
}

export interface BondsParameters extends EscrowParameters {
  /** For an answer to a claim, and for an appeal. */
  readonly answerSeconds: bigint;
  /** For a ruling; twice answer and ruling together are at most the thaw. */
  readonly rulingSeconds: bigint;
}

const builds: Record<BuiltContract, { readonly abi: InterfaceAbi; readonly bytecode: string }> = {
  MizanBonds: { abi: bondsAbi, bytecode: bondsBytecode },
  MizanEscrow: { abi: escrowAbi, bytecode: escrowBytecode },
  TestDollar: { abi: testDollarAbi, bytecode: testDollarBytecode },
};

/** A contract that is about to be made: where it will be is known before it is sent. */
export interface PlannedContract {
  readonly address: string;
  readonly creationHash: string;
  readonly parameterBytes: string;
  /** Waits until it is mined. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
  make(): Promise<{ readonly tx: string; readonly block: number }>;
}

/** Plans a contract with the signer's next nonce. Errors: CHAIN_UNAVAILABLE. */
export async function planContract(signer: Signer, name: BuiltContract, parameters: readonly unknown[]): Promise<PlannedContract> {
  const { abi, bytecode } = builds[name];
  const factory = new ContractFactory(abi, bytecode, signer);
  const parameterBytes = AbiCoder.defaultAbiCoder().encode(factory.interface.deploy.inputs, parameters);
  const nonce = await reaching(() => signer.getNonce());
  return {
    address: getCreateAddress({ from: await signer.getAddress(), nonce }),
    creationHash: keccak256(bytecode),
    parameterBytes,
    make: () =>
      reaching(async () => {
        const sent = await signer.sendTransaction({ data: concat([bytecode, parameterBytes]), nonce });
        const receipt = (await sent.wait())!;
        return { tx: receipt.hash, block: receipt.blockNumber };
      }),
  };
}

async function deploy(signer: Signer, name: BuiltContract, parameters: readonly unknown[]): Promise<string> {
  const planned = await planContract(signer, name, parameters);
  await planned.make();
  return planned.address;
}

/** Deploys the test token; waits until it is mined. Returns its address. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
export function deployTestDollar(signer: Signer): Promise<string> {
  return deploy(signer, 'TestDollar', []);
}

/** Deploys an escrow; waits until it is mined. Returns its address. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
export function deployEscrow(signer: Signer, { token, unit, thawSeconds }: EscrowParameters): Promise<string> {
  return deploy(signer, 'MizanEscrow', [token, unit, thawSeconds]);
}

/** Deploys a contract for bonds; waits until it is mined. Returns its address. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
export function deployBonds(signer: Signer, { token, unit, thawSeconds, answerSeconds, rulingSeconds }: BondsParameters): Promise<string> {
  return deploy(signer, 'MizanBonds', [token, unit, thawSeconds, answerSeconds, rulingSeconds]);
}
