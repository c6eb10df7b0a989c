import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { keccak256, Wallet } from 'ethers';
import type { JsonRpcProvider } from 'ethers';
import { connect, deployEscrow, deployTestDollar, depositTestDollars, Escrow, escrowCalls, listHash, packList, sendCall, signStatement, Token } from '#chain';
import type { EpochStatement } from '#chain';
import { anvilKeys, startAnvil } from '#testing';
import type { Anvil } from '#testing';

describe('an escrow on a real chain', () => {
  let anvil: Anvil;
  let provider: JsonRpcProvider;
  let relayer: Wallet;
  let payer: Wallet;
  let payee: Wallet;
  let escrow: Escrow;
  let token: Token;

  beforeAll(async () => {
    anvil = await startAnvil();
    provider = connect(anvil.rpcUrl, 31_337n);
    [relayer, payer, payee] = [0, 1, 2].map((at) => new Wallet(anvilKeys[at]!, provider)) as [Wallet, Wallet, Wallet];
    token = new Token(await deployTestDollar(relayer), provider);
    escrow = new Escrow(await deployEscrow(relayer, { token: token.address, unit: 1n, thawSeconds: 3_600n }), provider);
  });

  afterAll(async () => {
    provider.destroy();
    await anvil.stop();
  });

  it('has the constants it was given', async () => {
    expect(await escrow.constants()).toEqual({ token: token.address, unit: 1n, thawSeconds: 3_600n });
    expect(await token.decimals()).toBe(6);
  });

  it('takes a deposit, a statement and a withdrawal, and says so in events', async () => {
    await depositTestDollars(payer, escrow.address, 1_000n);
    await sendCall(relayer, escrow.address, escrowCalls.register(payee.address));
    expect(await escrow.indexOf(payee.address)).toBe(0);
    expect(await escrow.indexOf(payer.address)).toBeNull();

    const list = packList([{ index: 0, cumulative: 400n }]);
    const { hash } = await escrow.registry();
    const statement: EpochStatement = {
      payer: payer.address,
      epoch: 1n,
      listHash: listHash(list),
      cumulativeTotal: 400n,
      registryHash: hash,
      auditRoot: keccak256('0x00'),
      auditSize: 5n,
      validUntil: BigInt(Math.floor(Date.now() / 1_000) + 3_600),
    };
    const signature = signStatement(statement, { chainId: 31_337n, escrow: escrow.address }, payer.privateKey);
    const settled = await sendCall(relayer, escrow.address, escrowCalls.settle(statement, list, signature));
    expect(await escrow.payer(payer.address)).toMatchObject({ available: 600n, cumulativeTotal: 400n, epoch: 1n, auditSize: 5n, auditRoot: statement.auditRoot });
    expect(escrow.eventsOf([...settled.logs])).toMatchObject([{ name: 'EpochSettled', payer: payer.address, epoch: 1n, units: 400n, at: { tx: settled.hash } }]);

    await sendCall(payee, escrow.address, escrowCalls.withdraw([payer.address], 0, payee.address));
    expect(await token.balanceOf(payee.address)).toBe(400n);
    expect(await escrow.credit(payer.address, 0)).toEqual({ cumulative: 400n, drawn: 400n });
    const events = await escrow.events(0, await provider.getBlockNumber());
    expect(events.map(({ name }) => name)).toEqual(['Deposited', 'EpochSettled', 'Withdrawn']);
  });

  it('names the contract error when it refuses', async () => {
    await expect(escrow.payeeAt(99)).rejects.toMatchObject({ code: 'CHAIN_REJECTED', details: { revert: 'PayeeUnknown' } });
  });

  it('answers CHAIN_UNAVAILABLE when nobody listens', async () => {
    const nowhere = connect('http://127.0.0.1:9', 31_337n);
    await expect(new Escrow(escrow.address, nowhere).registry()).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE', kind: 'unavailable' });
    nowhere.destroy();
  });
});
