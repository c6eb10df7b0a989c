import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Wallet } from 'ethers';
import type { JsonRpcProvider } from 'ethers';
import { connect, deployEscrow, deployTestDollar, openSigner } from '#chain';
import { SystemClock } from '#kernel';
import { anvilKeys, mine, placeStand, setStand, startAnvil } from '#testing';
import type { Anvil } from '#testing';
import { ChainLink } from '../chain/chain-link.js';
import type { RateSetting } from './rate-setting.js';
import { PaymentAsset } from '../x402/payment-asset.js';
import { SaleTermsService } from '../x402/sale-terms.service.js';
import { Rates } from './rates.service.js';

describe('what the token is worth', () => {
  const feed = new Wallet(`0x${'51'.repeat(32)}`).address;
  let anvil: Anvil;
  let provider: JsonRpcProvider;
  let chain: ChainLink;
  let token: string;

  beforeAll(async () => {
    anvil = await startAnvil();
    provider = connect(anvil.rpcUrl, 31_337n);
    const wallet = new Wallet(anvilKeys[0], provider);
    token = await deployTestDollar(wallet);
    const escrow = await deployEscrow(wallet, { token, unit: 1n, thawSeconds: 60n });
    chain = new ChainLink({ SETTLEMENT_RPC_URL: [anvil.rpcUrl], SETTLEMENT_CHAIN_ID: 31_337, SETTLEMENT_ESCROW: escrow }, await openSigner(anvilKeys[3], {}));
    await placeStand(anvil.rpcUrl, 'feed', feed);
  });

  afterAll(async () => {
    chain.close();
    provider.destroy();
    await anvil.stop();
  });

  const ratesOf = (setting?: RateSetting, of = token): Rates => new Rates({ SETTLEMENT_RATES: setting === undefined ? undefined : new Map([[of, setting]]) }, chain, new SystemClock());
  const oracle = { feed, staleSeconds: 600, minUsd: 900_000_000n, maxUsd: 1_100_000_000n };
  const seconds = (ago: number): number => Math.floor(Date.now() / 1_000) - ago;

  it('is read from the feed as it stands at a final block: what may still be taken back is not believed', async () => {
    await setStand(anvil.rpcUrl, 'feed', feed, [8, 11, 99_950_000, seconds(5)]);
    await mine(anvil.rpcUrl);
    await setStand(anvil.rpcUrl, 'feed', feed, [8, 12, 99_000_000, seconds(1)]);
    const rate = await ratesOf(oracle).current();
    expect(rate).toMatchObject({ nanos: 1_999n, units: 2n, source: { kind: 'oracle', feed, description: 'TEST / USD', round: '11', answer: '99950000', decimals: 8 } });
    expect(rate.source.kind === 'oracle' && rate.source.block).toBe((await chain.finalized()).number);
    await mine(anvil.rpcUrl);
    expect(await ratesOf(oracle).current()).toMatchObject({ nanos: 990n, units: 1n, source: { round: '12' } });
  });

  it('is nothing while the feed is stale or out of bounds; what a deposit is worth is shown by the last that was good', async () => {
    const rates = ratesOf(oracle);
    const good = await rates.current();
    await setStand(anvil.rpcUrl, 'feed', feed, [8, 13, 100_000_000, seconds(700)]);
    await mine(anvil.rpcUrl);
    await expect(rates.current()).rejects.toMatchObject({ code: 'RATE_UNUSABLE', details: { feed, round: '13' } });
    expect(await rates.known()).toEqual(good);
    await expect(ratesOf(oracle).known()).rejects.toMatchObject({ code: 'RATE_UNUSABLE' });
    await setStand(anvil.rpcUrl, 'feed', feed, [8, 14, 50_000_000, seconds(1)]);
    await mine(anvil.rpcUrl);
    await expect(rates.current()).rejects.toMatchObject({ code: 'RATE_UNUSABLE', message: expect.stringContaining('outside 0.9 to 1.1 dollars') });
  });

  it('is what x402 sells at; nothing is sold while nobody knows it', async () => {
    const termsAt = (rates: Rates): ReturnType<SaleTermsService['terms']> => new SaleTermsService({ X402_PAY_TO: feed, X402_TIMEOUT_SECONDS: 300, X402_SALE_MIN_USD: 10_000_000n }, chain, new PaymentAsset(chain, () => Date.now()), rates, { refusal: () => Promise.resolve(null) }).terms();
    expect(await termsAt(ratesOf())).toMatchObject({ unit: 1n, rate: { nanos: 1_000n, units: 1n }, amountMin: 10_000n });
    expect(await termsAt(ratesOf({ usdPerToken: 2_500_000_000n, reason: 'agreed', date: '2026-11-01' }))).toMatchObject({ unit: 1n, rate: { nanos: 2_500n, units: 1n }, amountMin: 4_000n });
    expect(await termsAt(ratesOf(oracle, feed))).toBeNull();
  });

  it('is refused of what is no feed, and of a token that the settings forgot', async () => {
    await expect(ratesOf({ ...oracle, feed: token }).current()).rejects.toMatchObject({ code: 'CHAIN_REJECTED' });
    await expect(ratesOf(oracle, feed).current()).rejects.toMatchObject({ code: 'RATE_UNUSABLE', details: { token } });
    expect(await ratesOf().current()).toMatchObject({ nanos: 1_000n, units: 1n });
  });
});
