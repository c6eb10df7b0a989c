import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Wallet } from 'ethers';
import { askChain } from '#local';
import { anvilKeys, startAnvil, startRpcProxy } from '#testing';
import type { Anvil, RpcProxy } from '#testing';
import { connect } from '../connect.js';
import { costOf, dataFeeMax, gasPriceOracle } from './data-fee.js';
import { chainNamed } from './known-chains.js';

/** Answers every call with 10^15: PUSH7 PUSH0 MSTORE, and 32 bytes are returned. */
const oracleCode = '0x66038d7ea4c680005f5260205ff3';
const fee = 10n ** 15n;
const [base, ethereum] = [chainNamed('base')!, chainNamed('ethereum')!];

describe("a rollup's fee for data on its parent chain", () => {
  let anvil: Anvil;
  let proxy: RpcProxy;
  let provider: ReturnType<typeof connect>;
  beforeAll(async () => {
    anvil = await startAnvil({ chainId: base.id });
    proxy = await startRpcProxy(() => anvil.rpcUrl);
    provider = connect(proxy.url, base.id);
  });
  afterAll(async () => {
    provider.destroy();
    await proxy.stop();
    await anvil.stop();
  });

  it('is asked of the oracle before a transaction is sent, with room for it to rise, and is nothing elsewhere', async () => {
    await expect(dataFeeMax(provider, base.fees, '0x02')).rejects.toMatchObject({ code: 'CHAIN_REJECTED', message: expect.stringContaining('no gas price oracle') });
    await askChain(anvil.rpcUrl, 'anvil_setCode', [gasPriceOracle, oracleCode]);
    expect(await dataFeeMax(provider, base.fees, '0x02')).toBe(2n * fee);
    expect(await dataFeeMax(provider, ethereum.fees, '0x02')).toBe(0n);
  });

  it('is part of what a mined transaction cost, as its receipt says', async () => {
    const sent = await new Wallet(anvilKeys[0], provider).sendTransaction({ to: anvilAddress, value: 1n });
    const receipt = (await sent.wait(1, 10_000))!;
    proxy.twist = ({ method }, result) => (method === 'eth_getTransactionReceipt' ? { ...(result as object), l1Fee: `0x${fee.toString(16)}` } : undefined);
    const gas = receipt.gasUsed * receipt.gasPrice;
    expect(await costOf(provider, base.fees, receipt)).toBe(gas + fee);
    expect(await costOf(provider, ethereum.fees, receipt)).toBe(gas);
    proxy.twist = null;
    expect(await costOf(provider, base.fees, receipt)).toBe(gas);
  });
});

const anvilAddress = new Wallet(anvilKeys[1]).address;
