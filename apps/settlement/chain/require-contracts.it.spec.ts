import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { keccak256, Wallet } from 'ethers';
import { connect, deployBonds, deployEscrow, deployTestDollar, localSigner, rulesOf } from '#chain';
import { askChain } from '#local';
import { anvilKeys, startAnvil, startRpcProxy } from '#testing';
import type { Anvil, RpcProxy } from '#testing';
import { ChainLink } from './chain-link.js';

const base = 8453n;
const usdc = rulesOf(base).tokens[0]!.address;
/** Answers every call with 18. */
const eighteen = '0x60125f5260205ff3';

describe('the contracts that a configuration names on a chain that is not a local one', () => {
  let anvil: Anvil;
  let proxy: RpcProxy;
  let links: ChainLink[] = [];
  let token: string;
  let escrow: string;
  let bonds: string;

  beforeAll(async () => {
    anvil = await startAnvil({ chainId: base });
    proxy = await startRpcProxy(() => anvil.rpcUrl);
    const provider = connect(anvil.rpcUrl, base);
    const deployer = new Wallet(anvilKeys[0], provider);
    const dollar = await deployTestDollar(deployer);
    await askChain(anvil.rpcUrl, 'anvil_setCode', [usdc, await provider.getCode(dollar)]);
    token = usdc;
    escrow = await deployEscrow(deployer, { token, unit: 1n, thawSeconds: 60n });
    bonds = await deployBonds(deployer, { token, unit: 1n, thawSeconds: 3_600n, answerSeconds: 600n, rulingSeconds: 600n });
    provider.destroy();
  });

  afterEach(() => {
    for (const link of links) link.close();
    links = [];
    Object.assign(proxy, { refuse: null, twist: null });
  });

  afterAll(async () => {
    await proxy.stop();
    await anvil.stop();
  });

  const linkTo = (more: Partial<ConstructorParameters<typeof ChainLink>[0]> = {}): ChainLink => {
    const link = new ChainLink({ SETTLEMENT_RPC_URL: [proxy.url], SETTLEMENT_CHAIN_ID: Number(base), SETTLEMENT_ESCROW: escrow, ...more }, localSigner(anvilKeys[0]));
    links.push(link);
    return link;
  };
  const refused = (message: string): object => ({ code: 'CHAIN_REJECTED', message: expect.stringContaining(message) as unknown });
  const codeAt = (address: string): Promise<string> => askChain<string>(anvil.rpcUrl, 'eth_getCode', [address, 'latest']);

  /** Runs with other code at an address. */
  async function withCode(address: string, code: string, work: () => Promise<void>): Promise<void> {
    const before = await codeAt(address);
    await askChain(anvil.rpcUrl, 'anvil_setCode', [address, code]);
    try {
      await work();
    } finally {
      await askChain(anvil.rpcUrl, 'anvil_setCode', [address, before]);
    }
  }

  it('are taken when they are right, and looked at once', async () => {
    const link = linkTo({ SETTLEMENT_BONDS: bonds });
    expect(await link.requireRight()).toEqual({ token, unit: 1n, thawSeconds: 60n, tokenDecimals: 6 });
    const asked = proxy.asked.length;
    expect([await link.constants(), await link.tokenDecimals()]).toEqual([expect.objectContaining({ token }), 6]);
    expect(proxy.asked).toHaveLength(asked);
    expect(await link.isRight()).toBe(true);
  });

  it('are refused where nothing stands, or something else than this build', async () => {
    const nobody = Wallet.createRandom().address;
    await expect(linkTo({ SETTLEMENT_ESCROW: nobody }).constants()).rejects.toMatchObject(refused(`SETTLEMENT_ESCROW: there is no contract at ${nobody} on base`));
    await expect(linkTo({ SETTLEMENT_ESCROW: bonds }).constants()).rejects.toMatchObject(refused("is not this build's"));
    await expect(linkTo({ SETTLEMENT_BONDS: escrow }).constants()).rejects.toMatchObject(refused('SETTLEMENT_BONDS: '));
    await expect(linkTo({ SETTLEMENT_BONDS: nobody }).isRight()).rejects.toMatchObject(refused('SETTLEMENT_BONDS: there is no contract'));
  });

  it('may be an escrow of another build whose code the operator has verified, with the domain that statements are signed for', async () => {
    // Another build: bytes behind the end of the code, which nothing reaches.
    const code = `${await codeAt(escrow)}00`;
    await withCode(escrow, code, async () => {
      await expect(linkTo().constants()).rejects.toMatchObject(refused(`SETTLEMENT_ESCROW_CODE_HASH: ${keccak256(code)}`));
      expect(await linkTo({ SETTLEMENT_ESCROW_CODE_HASH: keccak256(code) }).constants()).toMatchObject({ token });
      await expect(linkTo({ SETTLEMENT_ESCROW_CODE_HASH: keccak256('0x00') }).constants()).rejects.toMatchObject(refused("is not this build's"));
    });
    // A token signs for a domain as well, which is not the escrow's, whatever hash is given.
    const hash = keccak256(await codeAt(usdc));
    await expect(linkTo({ SETTLEMENT_ESCROW: usdc, SETTLEMENT_ESCROW_CODE_HASH: hash }).constants()).rejects.toMatchObject(refused('and not for MizanEscrow 1'));
  });

  it('are refused with a token that has other decimals than it should', async () => {
    await withCode(usdc, eighteen, async () => {
      await expect(linkTo().constants()).rejects.toMatchObject(refused('USDC at'));
    });
  });

  it('are refused where the endpoint does not say what is final, and taken as soon as it does', async () => {
    const link = linkTo();
    proxy.refuse = ({ method, params }) => (method === 'eth_getBlockByNumber' && params[0] === 'finalized' ? { code: -32_602, message: 'invalid block tag' } : undefined);
    await expect(link.constants()).rejects.toMatchObject(refused('does not say which block of base is final'));
    proxy.refuse = null;
    expect(await link.constants()).toMatchObject({ token });
  });

  it('are asked for again when the chain did not answer', async () => {
    const link = linkTo();
    proxy.mode = 'down';
    await expect(link.constants()).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE' });
    proxy.mode = 'up';
    expect(await link.constants()).toMatchObject({ token });
  });
});
