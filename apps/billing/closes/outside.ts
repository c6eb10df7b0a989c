import { Inject, Injectable } from '@nestjs/common';
import { isDomainError } from '#kernel';
import { Caller } from '#messaging';
import { closeCalls, reconciliationCalls, savingsCalls } from '#protocol';
import type { ChainPayer, ReplyOf, RequestOf, TokenDifference } from '#protocol';

/** What the books are compared with, asked of the services that own it: no schema but its own is read. */
export abstract class Outside {
  abstract recordEnds(from: number): Promise<ReplyOf<typeof closeCalls.recordEnds>>;
  abstract endedRecords(records: string[]): Promise<ReadonlySet<string>>;
  /** What settlements of an organisation cost in gas. Error: SERVICE_UNAVAILABLE. */
  abstract gas(asked: RequestOf<typeof savingsCalls.gasSpent>): Promise<{ wei: bigint; transactions: number }>;
  /** Every payer at one block. Error: CHAIN_UNAVAILABLE. */
  abstract chain(): Promise<{ block: number; payers: ChainPayer[] }>;
  /** What settlement found last between the chain, its events, its own statements and the books; none before its first look. Error: SERVICE_UNAVAILABLE. */
  abstract tokenDifferences(): Promise<readonly TokenDifference[]>;
}

@Injectable()
export class OutsideByCalls extends Outside {
  constructor(@Inject(Caller) private readonly caller: Caller) {
    super();
  }

  recordEnds(from: number): Promise<ReplyOf<typeof closeCalls.recordEnds>> {
    return this.caller.call(closeCalls.recordEnds, { from });
  }

  async endedRecords(records: string[]): Promise<ReadonlySet<string>> {
    return new Set((await this.caller.call(closeCalls.endedRecords, { records })).ended);
  }

  async gas(asked: RequestOf<typeof savingsCalls.gasSpent>): Promise<{ wei: bigint; transactions: number }> {
    const { wei, transactions } = await this.caller.call(savingsCalls.gasSpent, asked);
    return { wei: BigInt(wei), transactions };
  }

  async chain(): Promise<{ block: number; payers: ChainPayer[] }> {
    const payers: ChainPayer[] = [];
    const { block, payer: first } = await this.caller.call(closeCalls.chainPayer, {});
    for (let payer = first; payer; { payer } = await this.caller.call(closeCalls.chainPayer, { after: payer.tenant, block })) payers.push(payer);
    return { block, payers };
  }

  async tokenDifferences(): Promise<readonly TokenDifference[]> {
    try {
      return (await this.caller.call(reconciliationCalls.last, { tenant: null })).differences;
    } catch (error) {
      if (isDomainError(error, 'NOT_FOUND')) return [];
      throw error;
    }
  }
}
