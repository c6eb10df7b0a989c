import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { escrowCalls } from '#chain';
import { ChainLink } from '../chain/chain-link.js';
import { TransactionStore } from '../transactions/transaction.store.js';
import { PayeeStore } from './payee.store.js';

/** Gives payees their index on chain. */
@Injectable()
export class Registration {
  constructor(
    private readonly dataSource: DataSource,
    private readonly chain: ChainLink,
    private readonly payees: PayeeStore,
    private readonly transactions: TransactionStore,
  ) {}

  /**
   * Indices of the payees (EIP-55 addresses) whose registration is final; the missing ones are put on their way. An index that is
   * not final may still go to another payee in a reorganisation, so it is not given out. Error: CHAIN_UNAVAILABLE.
   */
  async indices(addresses: readonly string[]): Promise<Map<string, number>> {
    await this.payees.add(addresses);
    const known = await this.payees.indices(addresses);
    const { number } = await this.chain.finalized();
    for (const address of addresses) {
      if (known.has(address)) continue;
      const index = await this.chain.escrow.indexOf(address, number);
      if (index !== null) {
        await this.payees.setIndex(address, index);
        known.set(address, index);
      } else if ((await this.chain.escrow.indexOf(address)) === null) {
        const call = { purpose: 'register', subject: address, target: this.chain.escrow.address, data: escrowCalls.register(address) } as const;
        await this.transactions.plan(this.dataSource.manager, this.chain, call);
      }
    }
    return known;
  }
}
