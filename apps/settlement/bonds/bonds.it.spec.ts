import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { keccak256, Wallet } from 'ethers';
import type { JsonRpcProvider } from 'ethers';
import { bondsCalls, connect, deployBonds, deployEscrow, deployTestDollar, openSigner, sendCall, tokenCalls } from '#chain';
import { bond } from '#protocol';
import { anvilKeys, mine, startAnvil } from '#testing';
import type { Anvil } from '#testing';
import { ChainLink } from '../chain/chain-link.js';
import { BondsService } from './bonds.service.js';

describe('the bond of a provider', () => {
  let anvil: Anvil;
  let provider: JsonRpcProvider;
  let chain: ChainLink;
  let contract: string;
  let token: string;
  let wallet: Wallet;
  const arbiter = new Wallet(anvilKeys[2]).address;

  beforeAll(async () => {
    anvil = await startAnvil();
    provider = connect(anvil.rpcUrl, 31_337n);
    wallet = new Wallet(anvilKeys[0], provider);
    token = await deployTestDollar(wallet);
    contract = await deployBonds(wallet, { token, unit: 1n, thawSeconds: 100n, answerSeconds: 20n, rulingSeconds: 30n });
    const escrow = await deployEscrow(wallet, { token, unit: 1n, thawSeconds: 60n });
    chain = new ChainLink({ SETTLEMENT_RPC_URL: [anvil.rpcUrl], SETTLEMENT_CHAIN_ID: 31_337, SETTLEMENT_ESCROW: escrow }, await openSigner(anvilKeys[3], {}));
  });

  afterAll(async () => {
    chain.close();
    provider.destroy();
    await anvil.stop();
  });

  const serviceFor = (arbiters: string[], bonds: string | undefined = contract): BondsService => new BondsService({ SETTLEMENT_BONDS: bonds, SETTLEMENT_BOND_ARBITERS: arbiters }, chain);

  it('is nothing, under nobody, before one was posted', async () => {
    await mine(anvil.rpcUrl);
    expect(await serviceFor([]).of(wallet.address)).toMatchObject({ units: 0n, securedUnits: 0n, arbiter: null, court: null, thawEndsAtMs: null, arbiterRecognised: false });
  });

  it('is shown as it stands at a final block, and whether its arbiter is one to rely on', async () => {
    for (const data of [tokenCalls.mint(wallet.address, 500n), tokenCalls.approve(contract, 500n)]) await sendCall(wallet, token, data);
    for (const data of [bondsCalls.setTerms(arbiter, arbiter.replace(/^0x../, '0x00').toLowerCase(), 300n), bondsCalls.deposit(400n), bondsCalls.claim(wallet.address, 100n, keccak256('0x01')), bondsCalls.thaw(50n)]) await sendCall(wallet, contract, data);
    expect((await serviceFor([arbiter]).of(wallet.address)).thawingUnits).toBe(0n); // the thaw is not final yet
    await mine(anvil.rpcUrl);
    const found = await serviceFor([arbiter]).of(wallet.address.toLowerCase());
    expect(found).toMatchObject({ provider: wallet.address, chainId: 31_337, contract, token, units: 400n, securedUnits: 250n, thawingUnits: 50n, claimedUnits: 100n, claimMaxUnits: 300n, arbiter, arbiterRecognised: true });
    expect(found.thawEndsAtMs! % 1_000).toBe(0);
    expect(bond.safeParse({ ...found, units: '400', securedUnits: '250', thawingUnits: '50', claimedUnits: '100', claimMaxUnits: '300' }).success).toBe(true);
    expect(await serviceFor([wallet.address]).of(wallet.address)).toMatchObject({ arbiterRecognised: false });
  });

  it('is not found in a deployment without the contract', async () => {
    await expect(new BondsService({ SETTLEMENT_BONDS: undefined, SETTLEMENT_BOND_ARBITERS: [] }, chain).of(wallet.address)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
