import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gasPriceOracle, localSigner } from '#chain';
import { askChain } from '#local';
import { anvilKeys, startAnvil } from '#testing';
import type { Anvil } from '#testing';
import { ChainLink } from './chain-link.js';

/** Answers every call with 10^15. */
const oracleCode = '0x66038d7ea4c680005f5260205ff3';

describe('the chain of a rollup, as settlement sees it', () => {
  let anvil: Anvil;
  let link: ChainLink;
  beforeAll(async () => {
    anvil = await startAnvil({ chainId: 8453n });
    await askChain(anvil.rpcUrl, 'anvil_setCode', [gasPriceOracle, oracleCode]);
    link = new ChainLink({ SETTLEMENT_RPC_URL: [anvil.rpcUrl], SETTLEMENT_CHAIN_ID: 8453, SETTLEMENT_ESCROW: gasPriceOracle }, localSigner(anvilKeys[0]));
  });
  afterAll(async () => {
    link.close();
    await anvil.stop();
  });

  it('counts the fee for data to what a transaction may cost, so that the limit of a day holds', async () => {
    const fees = { maxFeePerGas: 10n ** 9n, maxPriorityFeePerGas: 1n };
    const { costWeiMax } = await link.sign({ target: gasPriceOracle, data: '0x', nonce: 0, gasLimit: 21_000n, fees });
    expect(costWeiMax).toBe(21_000n * 10n ** 9n + 2n * 10n ** 15n);
  });
});
