import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { escrowCalls } from '#chain';
import { ChainLink, inBatches } from '../chain/chain-link.js';
import { Relayer } from '../transactions/relayer.service.js';
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
    private readonly relayer: Relayer,
  ) {}

  /**
   * Indices of the payees (EIP-55 addresses) whose registration is final at a block; the missing ones are put on their way. An index that is
   * not final may still go to another payee in a reorganisation, so it is not given out. Error: CHAIN_UNAVAILABLE.
   */
  async indices(addresses: readonly string[], finalBlock: number): Promise<Map<string, number>> {
    const known = await this.known(addresses, finalBlock);
    await this.begin(addresses.filter((address) => !known.has(address)));
    return known;
  }

  /** Puts payees who have no index on their way. Error: CHAIN_UNAVAILABLE. */
  async begin(addresses: readonly string[]): Promise<void> {
    const planned: string[] = [];
    for (const some of inBatches(addresses)) {
      await Promise.all(some.map(async (address) => void ((await this.plan(address)) && planned.push(address))));
    }
    // Who waits asks again and again until it is final: the relayer is woken by what is new to it only.
    if (planned.length > 0) this.relayer.kick();
  }

  /** The same, of those that have one; nothing is put on its way. */
  async known(addresses: readonly string[], finalBlock: number): Promise<Map<string, number>> {
    const known = await this.payees.indices(addresses);
    const missing = addresses.filter((address) => !known.has(address));
    if (missing.length > 0) await this.payees.add(missing);
    for (const some of inBatches(missing)) {
      await Promise.all(
        some.map(async (address) => {
          const index = await this.chain.escrow.indexOf(address, finalBlock);
          if (index === null) return;
          await this.payees.setIndex(address, index);
          known.set(address, index);
        }),
      );
    }
    return known;
  }

  /** False when it is in a block that is not final yet, or on its way. */
  private async plan(address: string): Promise<boolean> {
    if ((await this.chain.escrow.indexOf(address)) !== null) return false;
    const call = { purpose: 'register', subject: address, target: this.chain.escrow.address, data: escrowCalls.register(address) } as const;
    return (await this.transactions.plan(this.dataSource.manager, this.chain, call)) !== null;
  }
}
