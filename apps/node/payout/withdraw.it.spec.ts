import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { keccak256, parseEther, Wallet } from 'ethers';
import type { JsonRpcProvider } from 'ethers';
import { connect, deployEscrow, deployTestDollar, depositTestDollars, Escrow, escrowCalls, listHash, packList, sendCall, signStatement, Token } from '#chain';
import { anvilKeys, startAnvil } from '#testing';
import type { Anvil } from '#testing';
import { withdraw } from './withdraw.js';

describe('a withdrawal', () => {
  let anvil: Anvil;
  let provider: JsonRpcProvider;
  let escrow: Escrow;
  let token: Token;
  let relayer: Wallet;
  const node = Wallet.createRandom();

  /** The payer settles an epoch that credits the node with `cumulative` units in all. */
  const credit = async (payer: Wallet, epoch: bigint, cumulative: bigint): Promise<void> => {
    const list = packList([{ index: 0, cumulative }]);
    const { hash } = await escrow.registry();
    const validUntil = BigInt(Math.floor(Date.now() / 1_000) + 3_600);
    const statement = { payer: payer.address, epoch, listHash: listHash(list), cumulativeTotal: cumulative, registryHash: hash, auditRoot: keccak256('0x00'), auditSize: epoch, validUntil };
    await sendCall(relayer, escrow.address, escrowCalls.settle(statement, list, signStatement(statement, { chainId: 31_337n, escrow: escrow.address }, payer.privateKey)));
  };
  const take = () => withdraw({ rpcUrl: anvil.rpcUrl, escrow: escrow.address, wallet: new Wallet(node.privateKey) });

  beforeAll(async () => {
    anvil = await startAnvil();
    provider = connect(anvil.rpcUrl, 31_337n);
    relayer = new Wallet(anvilKeys[0], provider);
    token = new Token(await deployTestDollar(relayer), provider);
    escrow = new Escrow(await deployEscrow(relayer, { token: token.address, unit: 1n, thawSeconds: 3_600n }), provider);
    await (await relayer.sendTransaction({ to: node.address, value: parseEther('1') })).wait();
  });
  afterAll(async () => {
    provider.destroy();
    await anvil.stop();
  });

  it('is refused to a wallet that is no payee, and where nothing is due', async () => {
    await expect(take()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await sendCall(relayer, escrow.address, escrowCalls.register(node.address));
    await expect(take()).rejects.toMatchObject({ code: 'NOTHING_DUE' });
  });

  it("takes what every payer has credited to the node's wallet, to the unit, once", async () => {
    const payers = [new Wallet(anvilKeys[1], provider), new Wallet(anvilKeys[2], provider)] as const;
    for (const payer of payers) await depositTestDollars(payer, escrow.address, 1_000n);
    await credit(payers[0], 1n, 300n);
    await credit(payers[1], 1n, 45n);
    await expect(take()).resolves.toMatchObject({ units: 345n, to: node.address });
    expect(await token.balanceOf(node.address)).toBe(345n);
    await expect(take()).rejects.toMatchObject({ code: 'NOTHING_DUE' });
    await credit(payers[0], 2n, 301n);
    await expect(take()).resolves.toMatchObject({ units: 1n });
  });

  it('says that the chain does not answer', async () => {
    await expect(withdraw({ rpcUrl: 'http://127.0.0.1:9', escrow: escrow.address, wallet: new Wallet(node.privateKey) })).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
  });
});
