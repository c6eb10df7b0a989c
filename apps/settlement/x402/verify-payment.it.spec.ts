import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Wallet } from 'ethers';
import type { JsonRpcProvider } from 'ethers';
import { connect, deployEscrow, deployTestDollar, openSigner, sendCall, settlementCall, tokenCalls } from '#chain';
import type { FacilitatorRequest } from '#protocol';
import { anvilKeys, startAnvil, startRpcProxy } from '#testing';
import type { Anvil, RpcProxy } from '#testing';
import { ChainLink } from '../chain/chain-link.js';
import { PaymentAsset } from './payment-asset.js';
import { paymentBy } from './payment-harness.js';
import { paymentsBurst } from './read-gate.js';
import { PaymentVerifier } from './verify-payment.js';
import type { Verified } from './verify-payment.js';

/** Balance; block and nonce; the call itself. */
const good = ['eth_call', 'eth_getBlockByNumber', 'eth_call', 'eth_call'];

describe('what a payment that anybody may bring has the chain asked', () => {
  const payTo = Wallet.createRandom().address;
  const clock = { nowMs: Date.now() };
  let anvil: Anvil;
  let proxy: RpcProxy;
  let provider: JsonRpcProvider;
  let deployer: Wallet;
  let chain: ChainLink;
  let asset: PaymentAsset;
  let token: string;
  let verifier: PaymentVerifier;

  beforeAll(async () => {
    anvil = await startAnvil();
    proxy = await startRpcProxy(() => anvil.rpcUrl);
    provider = connect(anvil.rpcUrl, 31_337n);
    deployer = new Wallet(anvilKeys[0], provider);
    token = await deployTestDollar(deployer);
    const escrow = await deployEscrow(deployer, { token, unit: 1n, thawSeconds: 60n });
    chain = new ChainLink({ SETTLEMENT_RPC_URL: [proxy.url], SETTLEMENT_CHAIN_ID: 31_337, SETTLEMENT_ESCROW: escrow }, await openSigner(anvilKeys[3], {}));
    asset = new PaymentAsset(chain, () => clock.nowMs);
    await asset.facts();
  });

  afterAll(async () => {
    chain.close();
    provider.destroy();
    await proxy.stop();
    await anvil.stop();
  });

  beforeEach(() => {
    verifier = new PaymentVerifier(chain, asset, new Set([payTo]), () => clock.nowMs);
  });

  const verify = async (request: FacilitatorRequest): Promise<Verified> => {
    const reason = await verifier.beforeChain(request, 'amount');
    return reason === null ? verifier.onChain(request) : { reason, balance: 0n };
  };
  /** The verdict, and by what questions it was found. */
  const asking = async (request: FacilitatorRequest): Promise<[string | null, string[]]> => {
    const before = proxy.asked.length;
    const { reason } = await verify(request);
    return [reason, proxy.asked.slice(before).map(({ method }) => method)];
  };
  const buyer = async (units: bigint): Promise<Wallet> => {
    const wallet = new Wallet(Wallet.createRandom().privateKey);
    await sendCall(deployer, token, tokenCalls.mint(wallet.address, units));
    return wallet;
  };

  /** One letter in the other case: no EIP-55 any more. */
  const mistyped = (address: string): string => address.replace(/[a-fA-F](?=[^a-fA-F]*$)/, (letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()));
  const withFrom = (payment: FacilitatorRequest, change: (from: string) => string): FacilitatorRequest => {
    const payload = payment.paymentPayload.payload as { signature: string; authorization: { from: string; to: string; value: string; validAfter: string; validBefore: string; nonce: string } };
    return { ...payment, paymentPayload: { ...payment.paymentPayload, payload: { ...payload, authorization: { ...payload.authorization, from: change(payload.authorization.from) } } } };
  };

  it('is nothing for what is wrong in itself: network, token, recipient, time, amount, an address mistyped, a payer who pays itself', async () => {
    const right = await paymentBy(await buyer(10n), { token, payTo });
    const wanting = (change: object): FacilitatorRequest => ({ ...right, paymentRequirements: { ...right.paymentRequirements, ...change } });
    const own = await buyer(10n);
    verifier = new PaymentVerifier(chain, asset, new Set([payTo, own.address]), () => clock.nowMs);
    const late = await paymentBy(await buyer(10n), { token, payTo, seconds: -1 });
    const cases: [FacilitatorRequest, string][] = [
      [wanting({ network: 'eip155:1' }), 'invalid_exact_evm_network_mismatch'],
      [wanting({ asset: payTo }), 'asset_not_supported'],
      [wanting({ payTo: token }), 'pay_to_not_served'],
      [wanting({ amount: '8' }), 'invalid_exact_evm_payload_authorization_value_mismatch'],
      [wanting({ payTo: mistyped(payTo) }), 'invalid_payload'],
      [await paymentBy(await buyer(10n), { token, payTo }).then((payment) => withFrom(payment, mistyped)), 'invalid_payload'],
      [await paymentBy(own, { token, payTo: own.address }), 'payer_is_recipient'],
      [late, 'invalid_exact_evm_payload_authorization_valid_before'],
    ];
    for (const [request, reason] of cases) expect(await asking(request)).toEqual([reason, []]);
  });

  it('is whether the payer is a contract, once, for a signature that is not its key’s', async () => {
    const forged = await paymentBy(await buyer(10n), { token, payTo, from: Wallet.createRandom().address });
    expect(await asking(forged)).toEqual(['invalid_exact_evm_signature', ['eth_getCode']]);
    expect(await asking(forged)).toEqual(['invalid_exact_evm_signature', []]);
    clock.nowMs += 60_000;
    await asset.facts();
    expect(await asking(forged)).toEqual(['invalid_exact_evm_signature', []]);
  });

  it('is the balance, once, of a payer who has too little; when money may have come it is asked again', async () => {
    const poor = await buyer(3n);
    const payment = await paymentBy(poor, { token, payTo });
    expect(await asking(payment)).toEqual(['invalid_exact_evm_insufficient_balance', ['eth_call']]);
    expect(await asking(payment)).toEqual(['invalid_exact_evm_insufficient_balance', []]);
    await sendCall(deployer, token, tokenCalls.mint(poor.address, 4n));
    clock.nowMs += 5_000;
    expect(await asking(payment)).toEqual([null, good]);
  });

  it('is nothing for an authorisation that is known to be used', async () => {
    const payment = await paymentBy(await buyer(20n), { token, payTo });
    const { target, data } = settlementCall(payment.paymentPayload.payload, 'exact', token, 7n, true);
    await sendCall(deployer, target, data);
    expect(await asking(payment)).toEqual(['invalid_exact_evm_nonce_already_used', good.slice(0, -1)]);
    expect(await asking(payment)).toEqual(['invalid_exact_evm_nonce_already_used', []]);
  });

  it('is asked once for the same payment, however often it is brought at once', async () => {
    const payment = await paymentBy(await buyer(10n), { token, payTo });
    const before = proxy.asked.length;
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => verify(payment)));
    expect(new Set(verdicts.map(({ reason }) => reason))).toEqual(new Set([null]));
    expect(proxy.asked.slice(before).map(({ method }) => method)).toEqual(good);
  });

  it('is bounded for all payments together: beyond, they are told when to come again, and known ones are answered all the same', async () => {
    const payer = new Wallet(Wallet.createRandom().privateKey);
    const payments = await Promise.all(Array.from({ length: paymentsBurst + 3 }, () => paymentBy(payer, { token, payTo })));
    const before = proxy.asked.length;
    const verdicts = await Promise.all(payments.map((payment) => verify(payment).then(({ reason }) => reason, (error: { code: string; details: { retryAfterMs: number } }) => `${error.code} ${error.details.retryAfterMs}`)));
    expect(verdicts.filter((verdict) => verdict === 'invalid_exact_evm_insufficient_balance')).toHaveLength(paymentsBurst);
    expect(verdicts.filter((verdict) => verdict === 'RATE_LIMITED 100')).toHaveLength(3);
    expect(proxy.asked).toHaveLength(before + paymentsBurst);
    expect(await asking(payments[0]!)).toEqual(['invalid_exact_evm_insufficient_balance', []]);
    clock.nowMs += 100;
    expect((await asking(payments.at(-1)!))[0]).toBe('invalid_exact_evm_insufficient_balance');
  });
});
