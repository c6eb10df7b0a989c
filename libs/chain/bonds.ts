import { Contract, Interface } from 'ethers';
import type { BlockTag, Provider } from 'ethers';
import { bondsAbi, failure } from '#protocol';
import { reaching } from './chain-failure.js';

export const bondsInterface = new Interface(bondsAbi);

export interface BondsConstants {
  readonly token: string;
  /** Base units of the token in one unit. */
  readonly unit: bigint;
  readonly thawSeconds: bigint;
  /** For an answer to a claim, and for an appeal. */
  readonly answerSeconds: bigint;
  /** For a ruling, of the arbiter and of the court. */
  readonly rulingSeconds: bigint;
}

/** A provider's bond. Amounts in units. */
export interface BondState {
  readonly arbiter: string;
  /** The zero address: there are no appeals. */
  readonly court: string;
  readonly claimMax: bigint;
  readonly units: bigint;
  readonly thawing: bigint;
  /** Sum of the claims that are not closed. */
  readonly held: bigint;
  /** Unix seconds. */
  readonly thawEndsAt: bigint;
  /** What neither thaws nor is claimed. */
  readonly secured: bigint;
}

/** A claim on a bond. Amounts in units; times in Unix seconds, zero before they have happened. */
export interface ClaimState {
  readonly provider: string;
  readonly filedAt: bigint;
  readonly claimant: string;
  readonly answeredAt: bigint;
  readonly units: bigint;
  readonly granted: bigint;
  readonly stake: bigint;
  readonly due: bigint;
  readonly ruledAt: bigint;
  readonly appealedAt: bigint;
  readonly courtRuledAt: bigint;
  readonly closedAt: bigint;
  readonly appealedByProvider: boolean;
  readonly appealWon: boolean;
}

/** Bonds as they stand at a block (`latest` unless said). Every method's errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED. */
export class Bonds {
  private readonly contract: Contract;

  constructor(
    readonly address: string,
    provider: Provider,
  ) {
    this.contract = new Contract(address, bondsInterface, provider);
  }

  constants(): Promise<BondsConstants> {
    return reaching(async () => {
      const names = ['token', 'unit', 'thawSeconds', 'answerSeconds', 'rulingSeconds'] as const;
      const values = await Promise.all(names.map((name) => this.read(name, [], 'latest')));
      return Object.fromEntries(names.map((name, at) => [name, values[at]])) as unknown as BondsConstants;
    });
  }

  bond(provider: string, blockTag: BlockTag = 'latest'): Promise<BondState> {
    return reaching(async () => {
      const [bond, secured] = await Promise.all([this.read('bondOf', [provider], blockTag), this.read('securedOf', [provider], blockTag)]);
      return { ...(bond as Fields).toObject(), secured } as unknown as BondState;
    });
  }

  /** CHAIN_REJECTED (`ClaimUnknown`) for a claim that was never filed. */
  claim(id: string, blockTag: BlockTag = 'latest'): Promise<ClaimState> {
    return reaching(async () => ((await this.read('claimOf', [id], blockTag)) as Fields).toObject() as unknown as ClaimState);
  }

  /** The name of a claim, whether it was filed or not. */
  claimId(provider: string, claimant: string, evidenceHash: string): Promise<string> {
    return reaching(async () => (await this.read('claimId', [provider, claimant, evidenceHash], 'latest')) as string);
  }

  private read(method: string, parameters: unknown[], blockTag: BlockTag): Promise<unknown> {
    return this.contract.getFunction(method).staticCall(...parameters, { blockTag });
  }
}

interface Fields {
  toObject(): Record<string, unknown>;
}

/** Runs what sends to a contract (the bonds unless said), and says by name why it refused. Errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED (`details.revert`). */
export async function namingRefusals<T>(work: () => Promise<T>, contract: Pick<Interface, 'parseError'> = bondsInterface): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { data } = ((error as Error).cause ?? {}) as { data?: unknown };
    const refusal = typeof data === 'string' ? contract.parseError(data) : null;
    if (!refusal) throw error;
    throw failure('CHAIN_REJECTED', `the contract refused: ${refusal.name}(${refusal.args.map(String).join(', ')})`, { revert: refusal.name }, error);
  }
}

const encode = (name: string, parameters: unknown[]): string => bondsInterface.encodeFunctionData(name, parameters);

/** Call data of the transactions on bonds. */
export const bondsCalls = {
  setTerms: (arbiter: string, court: string, claimMax: bigint): string => encode('setTerms', [arbiter, court, claimMax]),
  deposit: (units: bigint): string => encode('deposit', [units]),
  thaw: (units: bigint): string => encode('thaw', [units]),
  cancelThaw: (): string => encode('cancelThaw', []),
  withdraw: (to: string): string => encode('withdraw', [to]),
  claim: (provider: string, units: bigint, evidenceHash: string): string => encode('claim', [provider, units, evidenceHash]),
  answer: (id: string, answerHash: string): string => encode('answer', [id, answerHash]),
  rule: (id: string, granted: bigint): string => encode('rule', [id, granted]),
  appeal: (id: string): string => encode('appeal', [id]),
  close: (id: string): string => encode('close', [id]),
  collect: (id: string, to: string): string => encode('collect', [id, to]),
} as const;
