import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { concat, Interface, Transaction, Wallet } from 'ethers';
import type { TransactionReceipt } from 'ethers';
import { paymentDigest, permit2Address, sendCall, settlementCall, Token, tokenCalls, x402Interface, x402Proxies } from '#chain';
import { SystemClock, SystemIds } from '#kernel';
import { askChain, withClient } from '#local';
import { reconciliationCalls, x402Calls, x402Events } from '#protocol';
import type { FacilitatorRequest, PayloadOf, ReplyOf, SettleResponse } from '#protocol';
import { anvilKeys, mine, placeX402, startRpcProxy } from '#testing';
import type { RpcProxy } from '#testing';
import { until } from '../payouts/books-harness.js';
import { startSettlement } from '../payouts/settlement-harness.js';
import type { SettlementHarness } from '../payouts/settlement-harness.js';
import { batchOf, paymentBy } from './payment-harness.js';
import { stepBlocks } from './payment-search.service.js';

const tenant = '0198c0de-0000-7000-8000-0000000000d1';
const payTo = Wallet.createRandom().address;
const ids = new SystemIds(new SystemClock());
/** Good for longer than all the blocks of these tests take by the chain's clock, which goes ahead a second with each. */
const seconds = 1_000_000;
const erc20 = new Interface(['function transfer(address to, uint256 amount) returns (bool)']);
const hex = (block: unknown): number => Number(BigInt(block as string));

describe('a payment that somebody else sends', () => {
  let proxy: RpcProxy;
  let harness: SettlementHarness;
  let other: Wallet;
  const sold: PayloadOf<typeof x402Events.settled>[] = [];

  beforeAll(async () => {
    harness = await startSettlement([], async ({ rpcUrl }) => {
      await placeX402(rpcUrl);
      proxy = await startRpcProxy(() => rpcUrl);
      return { SETTLEMENT_RPC_URL: proxy.url, X402_PAY_TO: payTo, SETTLEMENT_RECONCILE_MS: '200' };
    });
    other = new Wallet(anvilKeys[2], harness.provider);
    harness.bus.connection.subscribe(x402Events.settled.subject, { callback: (_error, message) => void sold.push(x402Events.settled.payload.parse(message.json())) });
  });

  afterAll(async () => {
    await harness.stop();
    await proxy.stop();
  });

  const buyer = async (units = 100n): Promise<Wallet> => {
    const wallet = new Wallet(Wallet.createRandom().privateKey);
    await sendCall(other, harness.token, tokenCalls.mint(wallet.address, units));
    return wallet;
  };
  /** A buyer's own transaction, for which it has gas. */
  const sends = async (wallet: Wallet, data: string): Promise<void> => {
    await askChain(harness.rpcUrl, 'anvil_setBalance', [wallet.address, '0xde0b6b3a7640000']);
    await sendCall(new Wallet(wallet.privateKey, harness.provider), harness.token, data);
  };
  const spend = (wallet: Wallet, units: bigint): Promise<void> => sends(wallet, erc20.encodeFunctionData('transfer', [other.address, units]));
  /** Sets a payment aside for a request, as a gateway does before it works. */
  const claim = async (payment: FacilitatorRequest): Promise<string> => {
    const { payment: id, invalidReason } = await harness.caller.call(x402Calls.claim, { ...payment, tenant, record: ids.uuid(), requestHash: 'ab'.repeat(32), untilMs: Date.now() + 60_000 });
    expect(invalidReason).toBeNull();
    return id;
  };
  const sentByAnother = async ({ paymentPayload: { payload }, paymentRequirements: { amount } }: FacilitatorRequest): Promise<string> => {
    const { target, data } = settlementCall(payload, 'exact', harness.token, BigInt(amount), true);
    return (await sendCall(other, target, data)).hash;
  };
  /** With gas enough for all of its calls, whose failing would not show in an estimate. */
  const batch = async (data: string): Promise<TransactionReceipt> => (await (await other.sendTransaction({ data, gasLimit: 2_000_000n })).wait())!;
  const collected = async (payment: string, amount = 7n): Promise<SettleResponse> => {
    await harness.caller.call(x402Calls.collect, { payment, amount });
    return harness.caller.call(x402Calls.outcome, { payment });
  };
  const soldOnce = async (payment: string): Promise<void> => {
    await until(() => sold.some((sale) => sale.payment === payment));
    expect(sold.filter((sale) => sale.payment === payment)).toHaveLength(1);
  };
  const row = (id: string): Promise<{ state: string; searched_to: string | null }> =>
    withClient(harness.database.adminUrl, async (client) => (await client.query<{ state: string; searched_to: string | null }>('SELECT state, searched_to FROM settlement.x402_payments WHERE id = $1', [id])).rows[0]!);

  it('is found however many blocks ago it was, in steps that endpoints answer, and what was searched is not searched again', async () => {
    const payer = await buyer();
    const [early, never] = [await paymentBy(await buyer(), { token: harness.token, payTo, seconds }), await paymentBy(payer, { token: harness.token, payTo, seconds })];
    const [found, lost] = [await claim(early), await claim(never)];
    const tx = await sentByAnother(early);
    // Nobody sends the other one, and its payer has nothing any more.
    await spend(payer, 100n);
    for (let mined = 0; mined < 2 * stepBlocks; mined += 100) await mine(harness.rpcUrl, 100);
    expect(await collected(found)).toMatchObject({ success: true, transaction: tx, amount: '7' });
    await soldOnce(found);

    expect(await collected(lost)).toMatchObject({ success: false, errorReason: 'invalid_exact_evm_transaction_failed', transaction: '' });
    const asked = proxy.asked.filter(({ method }) => method === 'eth_getLogs').map(({ params }) => params[0] as { fromBlock: string; toBlock: string });
    expect(Math.max(...asked.map(({ fromBlock, toBlock }) => hex(toBlock) - hex(fromBlock) + 1))).toBe(stepBlocks);
    const searchedTo = Number((await row(lost)).searched_to);
    const before = proxy.asked.length;
    expect(await harness.caller.call(x402Calls.outcome, { payment: lost })).toMatchObject({ success: false });
    const again = proxy.asked.slice(before).filter(({ method, params }) => method === 'eth_getLogs' && JSON.stringify(params).includes(payer.address.slice(2).toLowerCase()));
    expect(again.length).toBeGreaterThan(0);
    expect(Math.min(...again.map(({ params }) => hex((params[0] as { fromBlock: string }).fromBlock)))).toBeGreaterThan(searchedTo);

    // Not over yet: its payer has money again, and somebody sends it after all.
    expect((await row(lost)).state).toBe('collecting');
    await sendCall(other, harness.token, tokenCalls.mint(payer.address, 7n));
    const late = await sentByAnother(never);
    await soldOnce(lost);
    expect(await harness.caller.call(x402Calls.outcome, { payment: lost })).toMatchObject({ success: true, transaction: late });
  });

  it('is paid when ours came into a block behind it and reverted', async () => {
    const payment = await paymentBy(await buyer(), { token: harness.token, payTo, seconds });
    const id = await claim(payment);
    let first: string | undefined;
    let ours: string | undefined;
    proxy.watch = async ({ method, params }, moment) => {
      if (method !== 'eth_sendRawTransaction' || moment !== 'before' || first !== undefined) return;
      ours = Transaction.from(params[0] as string).hash!;
      first = await sentByAnother(payment);
    };
    const outcome = await collected(id).finally(() => (proxy.watch = null));
    expect(outcome).toMatchObject({ success: true, transaction: first });
    await until(async () => (await harness.provider.getTransactionReceipt(ours!))?.status === 0);
    await soldOnce(id);
    expect((await row(id)).state).toBe('settled');
  });

  it('is found by its signature where it is one of Permit2, among others of the same payer to the same wallet', async () => {
    const wallet = await buyer();
    await sends(wallet, tokenCalls.approve(permit2Address, 1_000n));
    const payments = [permitBy(wallet), permitBy(wallet)] as const;
    const [first, second] = [await claim(payments[0]), await claim(payments[1])];
    const txs = [await sentByAnother(payments[0]), await sentByAnother(payments[1])];
    expect(await collected(second)).toMatchObject({ success: true, transaction: txs[1] });
    expect(await collected(first)).toMatchObject({ success: true, transaction: txs[0] });
    await soldOnce(first);
    await soldOnce(second);
  });

  it('is paid by a transfer of its own: one that a transaction makes for several of a payer pays for one of them', async () => {
    const wallet = await buyer(14n);
    const [paid, elsewhere] = [await paymentBy(wallet, { token: harness.token, payTo, seconds }), await paymentBy(wallet, { token: harness.token, payTo, seconds })];
    const claimed = [await claim(paid), await claim(elsewhere)];
    // The nonce of the second is used up in the same transaction, and its money goes to the payer itself.
    const { nonce } = (elsewhere.paymentPayload.payload as { authorization: { nonce: string } }).authorization;
    const back = await paymentBy(wallet, { token: harness.token, payTo: wallet.address, seconds, nonce });
    const called = [paid, back].map(({ paymentPayload: { payload } }) => settlementCall(payload, 'exact', harness.token, 7n, true));
    const sent = await batch(batchOf(called));
    expect(sent.logs.filter(({ topics }) => topics[0] === x402Interface.getEvent('AuthorizationUsed')!.topicHash)).toHaveLength(2);
    const outcomes = await Promise.all(claimed.map((each) => collected(each)));
    expect(outcomes.filter(({ success }) => success)).toHaveLength(1);
    await until(async () => (await Promise.all(claimed.map(row))).every(({ state }) => state !== 'collecting'));
    expect((await Promise.all(claimed.map(row))).map(({ state }) => state).sort()).toEqual(['failed', 'settled']);
    await until(() => sold.some(({ payer }) => payer === wallet.address));
    expect(sold.filter(({ payer }) => payer === wallet.address)).toHaveLength(1);
  });

  it('is told at a place of its own where one transaction pays several that are alike', async () => {
    const wallet = await buyer(14n);
    const both = [await paymentBy(wallet, { token: harness.token, payTo, seconds }), await paymentBy(wallet, { token: harness.token, payTo, seconds })];
    const claimed = [await claim(both[0]!), await claim(both[1]!)];
    await batch(batchOf(both.map(({ paymentPayload: { payload } }) => settlementCall(payload, 'exact', harness.token, 7n, true))));
    expect((await Promise.all(claimed.map((each) => collected(each)))).map(({ success }) => success)).toEqual([true, true]);
    for (const each of claimed) await soldOnce(each);
    const [one, other] = sold.filter(({ payment }) => claimed.includes(payment)).map(({ at }) => at);
    expect(one!.tx).toBe(other!.tx);
    expect(one!.logIndex).not.toBe(other!.logIndex);
  });

  it('of Permit2 is not paid by a call that only carries its signature along', async () => {
    const wallet = await buyer(14n);
    await sends(wallet, tokenCalls.approve(permit2Address, 1_000n));
    const [paid, carried] = [permitBy(wallet), permitBy(wallet)];
    const claimed = [await claim(paid), await claim(carried)];
    const sent = await batch(batchOf([settlementCall(paid.paymentPayload.payload, 'exact', harness.token, 7n, true)], concat([paid.paymentPayload.payload.signature, carried.paymentPayload.payload.signature])));
    expect(sent.logs).not.toEqual([]);
    await spend(wallet, 7n);
    const outcomes = [await collected(claimed[0]!), await collected(claimed[1]!)];
    expect(outcomes).toMatchObject([{ success: true }, { success: false }]);
    await soldOnce(claimed[0]!);
    expect((await row(claimed[1]!)).state).toBe('collecting');
  });

  it('comes to its end though another one cannot be brought to one', async () => {
    const [bad, good] = [await paymentBy(await buyer(), { token: harness.token, payTo, seconds }), await paymentBy(await buyer(), { token: harness.token, payTo, seconds })];
    const [broken, whole] = [await claim(bad), await claim(good)];
    await sentByAnother(bad);
    await harness.caller.call(x402Calls.collect, { payment: broken, amount: 7n });
    await withClient(harness.database.adminUrl, async (client) => client.query(`UPDATE settlement.x402_payments SET payload = '{}' WHERE id = $1`, [broken]));
    await sentByAnother(good);
    await collected(whole);
    await soldOnce(whole);
    expect((await row(broken)).state).toBe('collecting');
    await withClient(harness.database.adminUrl, async (client) => client.query('UPDATE settlement.x402_payments SET payload = $2 WHERE id = $1', [broken, JSON.stringify(bad.paymentPayload.payload)]));
    await soldOnce(broken);
  });

  it('is none any more when its time is over on the chain', async () => {
    const wallet = await buyer(7n);
    const { timestamp } = (await harness.provider.getBlock('latest'))!;
    const payment = await paymentBy(wallet, { token: harness.token, payTo, seconds: timestamp - Math.floor(Date.now() / 1_000) + 600 });
    const id = await claim(payment);
    await spend(wallet, 7n);
    expect(await collected(id)).toMatchObject({ success: false });
    expect((await row(id)).state).toBe('collecting');
    await askChain(harness.rpcUrl, 'evm_increaseTime', [700]);
    await until(async () => (await row(id)).state === 'failed');
    expect(sold.filter((sale) => sale.payment === id)).toEqual([]);
  });

  it('is in the wallet to the unit: what came there is its sales and what is named beside them', async () => {
    const gift = await sendCall(other, harness.token, tokenCalls.mint(payTo, 5n));
    const compared = (): Promise<ReplyOf<typeof reconciliationCalls.last>> => harness.caller.call(reconciliationCalls.last, { tenant: null });
    await until(async () => (await compared()).wallets[0]?.transfers.some(({ tx }) => tx === gift.hash) === true);
    const { agrees, differences, wallets: [wallet] } = await compared();
    const units = sold.reduce((sum, sale) => sum + sale.units, 0n);
    expect(units).toBeGreaterThan(0n);
    expect({ agrees, differences, wallet }).toMatchObject({ agrees: true, differences: [], wallet: { address: payTo, tenant, salesBaseUnits: units, ledgerSaleUnits: units, otherBaseUnits: 5n, sentBaseUnits: 0n, openBaseUnits: 0n } });
    expect(await new Token(harness.token, harness.provider).balanceOf(payTo, wallet!.block)).toBe(units + 5n);
  });

  /** A Permit2 payment of seven test dollars' units, as an x402 client brings it. */
  function permitBy(wallet: Wallet): FacilitatorRequest {
    const permit2Authorization = {
      from: wallet.address,
      permitted: { token: harness.token, amount: '7' },
      spender: x402Proxies.exact,
      nonce: BigInt(`0x${randomBytes(31).toString('hex')}`).toString(),
      deadline: Math.floor(Date.now() / 1_000 + seconds).toString(),
      witness: { to: payTo, validAfter: '0' },
    };
    const accepted = { scheme: 'exact', network: 'eip155:31337', amount: '7', asset: harness.token, payTo, maxTimeoutSeconds: 300, extra: { name: 'Mizan Test Dollar', version: '1', assetTransferMethod: 'permit2' } };
    const digest = paymentDigest({ signature: '0x00', permit2Authorization }, accepted, { name: '', version: '' });
    const payload = { signature: wallet.signingKey.sign(digest).serialized, permit2Authorization };
    return { x402Version: 2, paymentPayload: { x402Version: 2, accepted, payload }, paymentRequirements: accepted };
  }
});
