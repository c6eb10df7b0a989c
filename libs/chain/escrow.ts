import { Contract } from 'ethers';
import type { BlockTag, Provider } from 'ethers';
import { reaching } from './chain-failure.js';
import type { AllowedPayees, DelegateLimits, DelegateTimes } from './delegation.js';
import { decodeEvent, escrowInterface, eventTopics } from './escrow-events.js';
import type { PlacedEvent } from './escrow-events.js';
import type { EpochStatement } from './statement.js';

export interface EscrowConstants {
  readonly token: string;
  /** Base units of the token in one unit. */
  readonly unit: bigint;
  readonly thawSeconds: bigint;
}

/** A payer on chain. Amounts in units. */
export interface PayerState {
  readonly available: bigint;
  readonly cumulativeTotal: bigint;
  readonly epoch: bigint;
  readonly auditSize: bigint;
  readonly auditRoot: string;
  readonly thawing: bigint;
  /** Unix seconds. */
  readonly thawEndsAt: bigint;
}

/** What a payer has credited to a payee in all, and what of that has left. In units. */
export interface CreditState {
  readonly cumulative: bigint;
  readonly drawn: bigint;
}

/**
 * The escrow as it stands at a block (`latest` unless said). Every method's errors: CHAIN_UNAVAILABLE, CHAIN_REJECTED.
 */
export class Escrow {
  private readonly contract: Contract;

  constructor(
    readonly address: string,
    private readonly provider: Provider,
  ) {
    this.contract = new Contract(address, escrowInterface, provider);
  }

  constants(): Promise<EscrowConstants> {
    return reaching(async () => {
      const [token, unit, thawSeconds] = await Promise.all(['token', 'unit', 'thawSeconds'].map((name) => this.read(name, [], 'latest')));
      return { token: token as string, unit: unit as bigint, thawSeconds: thawSeconds as bigint };
    });
  }

  /** The EIP-712 domain that its signatures are for. */
  domain(): Promise<{ name: string; version: string; chainId: bigint; verifyingContract: string }> {
    return reaching(async () => {
      const { name, version, chainId, verifyingContract } = (await this.read('eip712Domain', [], 'latest')) as { name: string; version: string; chainId: bigint; verifyingContract: string };
      return { name, version, chainId, verifyingContract };
    });
  }

  payer(payer: string, blockTag: BlockTag = 'latest'): Promise<PayerState> {
    return reaching(async () => {
      const state = (await this.read('payerOf', [payer], blockTag)) as PayerState;
      const { available, cumulativeTotal, epoch, auditSize, auditRoot, thawing, thawEndsAt } = state;
      return { available, cumulativeTotal, epoch, auditSize, auditRoot, thawing, thawEndsAt };
    });
  }

  credit(payer: string, index: number, blockTag: BlockTag = 'latest'): Promise<CreditState> {
    return reaching(async () => {
      const { cumulative, drawn } = (await this.read('creditOf', [payer, index], blockTag)) as CreditState;
      return { cumulative, drawn };
    });
  }

  /** A payee's index, or null if it is not registered. */
  indexOf(payee: string, blockTag: BlockTag = 'latest'): Promise<number | null> {
    return reaching(async () => {
      const { known, index } = (await this.read('indexOf', [payee], blockTag)) as { known: boolean; index: bigint };
      return known ? Number(index) : null;
    });
  }

  /** Identity and payout address of a payee. CHAIN_REJECTED (`PayeeUnknown`) for an index not given. */
  payeeAt(index: number, blockTag: BlockTag = 'latest'): Promise<{ payee: string; payoutAddress: string }> {
    return reaching(async () => {
      const { payee, payoutAddress } = (await this.read('payeeAt', [index], blockTag)) as { payee: string; payoutAddress: string };
      return { payee, payoutAddress };
    });
  }

  /** Rolling hash of all payees, and how many they are. */
  registry(blockTag: BlockTag = 'latest'): Promise<{ hash: string; count: number }> {
    return reaching(async () => {
      const hash = await this.registryHash(blockTag);
      return { hash, count: Number(await this.read('countAt', [hash], blockTag)) };
    });
  }

  /** The hash alone, as a statement names it. */
  registryHash(blockTag: BlockTag = 'latest'): Promise<string> {
    return reaching(() => this.read('registryHash', [], blockTag) as Promise<string>);
  }

  /** Between which times a delegate's statements can land. */
  delegate(payer: string, delegate: string, blockTag: BlockTag = 'latest'): Promise<DelegateTimes> {
    return reaching(async () => {
      const { liveFrom, liveUntil } = (await this.read('delegateOf', [payer, delegate], blockTag)) as DelegateTimes;
      return { liveFrom, liveUntil };
    });
  }

  /** What a payer's delegates may spend, by the block's own time. */
  limits(payer: string, blockTag: BlockTag = 'latest'): Promise<DelegateLimits> {
    return reaching(async () => {
      const { epochCap, minInterval, nextCap, nextMinInterval, nextAt, lastAt } = (await this.read('limitsOf', [payer], blockTag)) as DelegateLimits;
      return { epochCap, minInterval, nextCap, nextMinInterval, nextAt, lastAt };
    });
  }

  /** Whom of the payees `256 * word` to `256 * word + 255` a payer's delegates may credit. */
  allowedPayees(payer: string, word: number, blockTag: BlockTag = 'latest'): Promise<AllowedPayees> {
    return reaching(async () => {
      const { bits, announced, admissibleAt } = (await this.read('allowedPayees', [payer, word], blockTag)) as AllowedPayees;
      return { bits, announced, admissibleAt };
    });
  }

  /** The money events of the blocks `from` to `to`, both included, in chain order. */
  events(from: number, to: number): Promise<PlacedEvent[]> {
    return reaching(async () => {
      const logs = await this.provider.getLogs({ address: this.address, fromBlock: from, toBlock: to, topics: [eventTopics] });
      return logs.map(decodeEvent).filter((event) => event !== null);
    });
  }

  /** The money events of one mined transaction. */
  eventsOf(logs: Parameters<typeof decodeEvent>[0][]): PlacedEvent[] {
    const own = logs.filter(({ address }) => address.toLowerCase() === this.address.toLowerCase());
    return own.map(decodeEvent).filter((event) => event !== null);
  }

  /** The escrow's own error in the data of a failed call, by name; null if it is none of its. */
  errorOf(data: string): { name: string } | null {
    return escrowInterface.parseError(data);
  }

  private read(method: string, parameters: unknown[], blockTag: BlockTag): Promise<unknown> {
    return this.contract.getFunction(method).staticCall(...parameters, { blockTag });
  }
}

/** What the call data of a `settle` carries. Error: it is not one. */
export function settleArguments(data: string): { statement: EpochStatement; list: string; signature: string } {
  const [fields, list, signature] = escrowInterface.decodeFunctionData('settle', data) as unknown as [EpochStatement, string, string];
  const { payer, epoch, listHash, cumulativeTotal, registryHash, auditRoot, auditSize, validUntil } = fields;
  return { statement: { payer, epoch, listHash, cumulativeTotal, registryHash, auditRoot, auditSize, validUntil }, list, signature };
}

/** Call data of the escrow's transactions. */
export const escrowCalls = {
  deposit: (units: bigint): string => escrowInterface.encodeFunctionData('deposit', [units]),
  register: (payee: string): string => escrowInterface.encodeFunctionData('register', [payee]),
  settle: (statement: EpochStatement, list: string, signature: string): string => escrowInterface.encodeFunctionData('settle', [statement, list, signature]),
  withdraw: (payers: readonly string[], index: number, to: string): string => escrowInterface.encodeFunctionData('withdraw', [payers, index, to]),
  pushMany: (payers: readonly string[], indices: readonly number[]): string => escrowInterface.encodeFunctionData('pushMany', [payers, indices]),
  thaw: (units: bigint): string => escrowInterface.encodeFunctionData('thaw', [units]),
  withdrawDeposit: (to: string): string => escrowInterface.encodeFunctionData('withdrawDeposit', [to]),
  addDelegate: (delegate: string): string => escrowInterface.encodeFunctionData('addDelegate', [delegate]),
  revokeDelegate: (delegate: string): string => escrowInterface.encodeFunctionData('revokeDelegate', [delegate]),
  setLimits: (epochCap: bigint, minIntervalSeconds: number): string => escrowInterface.encodeFunctionData('setLimits', [epochCap, minIntervalSeconds]),
  allowPayees: (word: number, bits: bigint): string => escrowInterface.encodeFunctionData('allowPayees', [word, bits]),
  admitPayees: (payer: string, word: number): string => escrowInterface.encodeFunctionData('admitPayees', [payer, word]),
  dropPayees: (word: number, bits: bigint): string => escrowInterface.encodeFunctionData('dropPayees', [word, bits]),
} as const;
