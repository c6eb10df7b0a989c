import { describe, expect, it } from '@jest/globals';
import { Wallet } from 'ethers';
import { escrowCalls, escrowInterface } from '#chain';
import type { AllowedPayees } from '#chain';
import { anvilKeys } from '#testing';
import type { EscrowSession } from '../contract/escrow-session.js';
import { changePayees } from './delegate-steps.js';

const payer = new Wallet(anvilKeys[1]).address;
/** One payee in each of three words of the list. */
const indices = new Map([0, 1, 2].map((word) => [Wallet.createRandom().address, 256 * word + 3]));
const payees = [...indices.keys()];
const bit = 1n << 3n;
const none: AllowedPayees = { bits: 0n, announced: 0n, admissibleAt: 0n };

/** What was sent; `refused` is the call that the contract does not take. */
function sessionWith(words: readonly AllowedPayees[], sent: string[], refused?: string): EscrowSession {
  const escrow = {
    address: payer,
    indexOf: (payee: string) => Promise.resolve(indices.get(payee)),
    allowedPayees: (_payer: string, word: number) => Promise.resolve(words[word]),
  };
  const wallet = {
    address: payer,
    sendTransaction: ({ data }: { data: string }) => {
      if (data === refused) return Promise.reject(Object.assign(new Error('reverted'), { data: escrowInterface.encodeErrorResult('NotYet', [9n]) }));
      sent.push(data);
      return Promise.resolve({ wait: () => Promise.resolve({ hash: `hash ${sent.length}` }) });
    },
  };
  return { escrow, wallet, provider: { getBlockNumber: () => Promise.resolve(7) }, decimals: 6, unit: 1n } as unknown as EscrowSession;
}

describe('payees of several words of the list', () => {
  it('are dropped in all words though nothing changes in the first', async () => {
    const sent: string[] = [];
    const session = sessionWith([none, { ...none, bits: bit | 1n }, { ...none, announced: bit }], sent);
    expect(await changePayees(session, 'dropPayees', payer, payees)).toMatchObject({ txs: ['hash 1', 'hash 2'] });
    expect(sent).toEqual([escrowCalls.dropPayees(1, bit), escrowCalls.dropPayees(2, bit)]);
  });

  it('are named with what was sent when a later word is refused', async () => {
    const sent: string[] = [];
    const announced = { ...none, announced: bit };
    const session = sessionWith([announced, none, announced], sent, escrowCalls.admitPayees(payer, 2));
    await expect(changePayees(session, 'admit', payer, payees)).rejects.toMatchObject({ code: 'CHAIN_REJECTED', message: expect.stringMatching(/NotYet\(9\); sent before: hash 1\. Give the command again/), details: { revert: 'NotYet', txs: ['hash 1'] } });
    expect(sent).toEqual([escrowCalls.admitPayees(payer, 0)]);
  });
});
