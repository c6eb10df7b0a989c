import { Inject, Injectable } from '@nestjs/common';
import { Caller } from '#messaging';
import { closeCalls, savingsCalls } from '#protocol';
import type { ChainPayer, ReplyOf, RequestOf } from '#protocol';

/** What the books are compared with, asked of the services that own it: no schema but its own is read. */
export abstract class Outside {
  abstract recordEnds(from: number): Promise<ReplyOf<typeof closeCalls.recordEnds>>;
  abstract endedRecords(records: string[]): Promise<ReadonlySet<string>>;
  /** Every payer at one block. Error: CHAIN_UNAVAILABLE. */
  /** What settlements of an organisation cost in gas. Error: SERVICE_UNAVAILABLE. */
  abstract gas(asked: RequestOf<typeof savingsCalls.gasSpent>): Promise<{ wei: bigint; transactions: number }>;
  abstract chain(): Promise<{ block: number; payers: ChainPayer[] }>;
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
}
