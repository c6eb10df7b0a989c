import { describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import type { ChainLink } from '../chain/chain-link.js';
import type { Relayer } from '../transactions/relayer.service.js';
import type { TransactionStore } from '../transactions/transaction.store.js';
import type { PayeeStore } from './payee.store.js';
import { Registration } from './registration.service.js';

const payee = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const finalBlock = 7;

describe('the registration of a payee', () => {
  it('wakes the relayer when it is planned, and not by being asked for until it is final', async () => {
    let kicks = 0;
    const open = new Set<string>();
    const onChain = { latest: null as number | null, final: null as number | null };
    const payees = { indices: () => Promise.resolve(new Map<string, number>()), add: () => Promise.resolve(), setIndex: () => Promise.resolve() };
    const escrow = { address: '0x5FbDB2315678afecb367f032d93F642f64180aa3', indexOf: (_: string, block?: number) => Promise.resolve(block === undefined ? onChain.latest : onChain.final) };
    const transactions = {
      plan: (_manager: unknown, _sender: unknown, { subject }: { subject: string }) => {
        if (open.has(subject)) return Promise.resolve(null);
        open.add(subject);
        return Promise.resolve('planned');
      },
    };
    const relayer = { kick: () => void (kicks += 1) };
    const registration = new Registration({} as DataSource, { escrow } as unknown as ChainLink, payees as unknown as PayeeStore, transactions as unknown as TransactionStore, relayer as unknown as Relayer);

    for (let asked = 0; asked < 3; asked += 1) expect(await registration.indices([payee], finalBlock)).toEqual(new Map());
    onChain.latest = 4;
    open.clear();
    expect(await registration.indices([payee], finalBlock)).toEqual(new Map());
    expect({ kicks, planned: open.size }).toEqual({ kicks: 1, planned: 0 });
    onChain.final = 4;
    expect(await registration.indices([payee], finalBlock)).toEqual(new Map([[payee, 4]]));
    expect(kicks).toBe(1);
  });
});
