import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Wallet } from 'ethers';
import { sendCall, tokenCalls } from '#chain';
import { SystemClock, SystemIds } from '#kernel';
import { withClient } from '#local';
import { x402Calls } from '#protocol';
import { anvilKeys } from '#testing';
import { until } from '../payouts/books-harness.js';
import { startSettlement } from '../payouts/settlement-harness.js';
import type { SettlementHarness } from '../payouts/settlement-harness.js';
import { paymentBy } from './payment-harness.js';

const tenant = '0198c0de-0000-7000-8000-0000000000e1';
const payTo = Wallet.createRandom().address;
const ids = new SystemIds(new SystemClock());
const seconds = 100_000;

describe('the gas that payments may use', () => {
  let harness: SettlementHarness;
  const payer = new Wallet(Wallet.createRandom().privateKey);

  beforeAll(async () => {
    // A quarter of it is some ten payments at a gwei or two.
    harness = await startSettlement([], () => ({ X402_PAY_TO: payTo, SETTLEMENT_GAS_WEI_PER_DAY: (8n * 10n ** 15n).toString(), X402_GAS_PERCENT: '25' }));
    await sendCall(new Wallet(anvilKeys[2], harness.provider), harness.token, tokenCalls.mint(payer.address, 10_000n));
  });
  afterAll(() => harness.stop());

  const terms = () => harness.caller.call(x402Calls.terms, {});
  const claim = async (): Promise<string> => {
    const asked = { ...(await paymentBy(payer, { token: harness.token, payTo, seconds })), tenant, record: ids.uuid(), requestHash: 'ab'.repeat(32), untilMs: Date.now() + 60_000 };
    const { payment, invalidReason } = await harness.caller.call(x402Calls.claim, asked);
    expect(invalidReason).toBeNull();
    return payment;
  };

  it('is kept for all that are set aside: beyond, no terms are offered and no payment is taken, and those that were all settle', async () => {
    expect(await terms()).toMatchObject({ terms: { payTo }, isPaused: false });
    const claimed: string[] = [];
    let refusal: unknown;
    while (refusal === undefined && claimed.length < 100) await claim().then((payment) => claimed.push(payment), (error: unknown) => (refusal = error));
    expect(refusal).toMatchObject({ code: 'PAYMENTS_PAUSED', details: { retryAfterMs: 300_000 } });
    expect(claimed.length).toBeGreaterThan(1);
    expect(await terms()).toMatchObject({ terms: { payTo }, isPaused: true });
    await expect(paymentBy(payer, { token: harness.token, payTo, seconds }).then((payment) => harness.caller.call(x402Calls.verify, payment))).rejects.toMatchObject({ code: 'PAYMENTS_PAUSED' });

    for (const payment of claimed) await harness.caller.call(x402Calls.collect, { payment, amount: 7n });
    for (const payment of claimed) expect(await harness.caller.call(x402Calls.outcome, { payment })).toMatchObject({ success: true, amount: '7' });
    // What they used in truth is less than what was kept for them.
    await until(async () => !(await terms()).isPaused);
  });

  it('is none once it is used up, until a day has passed', async () => {
    const age = (hours: number): Promise<unknown> => withClient(harness.database.adminUrl, async (client) => client.query(`UPDATE settlement.transactions SET signed_at = now() - $1 * interval '1 hour'`, [hours]));
    await withClient(harness.database.adminUrl, async (client) => client.query(`UPDATE settlement.transactions SET gas_wei_spent = 2000000000000000 WHERE id = (SELECT min(id::text)::uuid FROM settlement.transactions)`));
    await age(23);
    expect((await terms()).isPaused).toBe(true);
    await age(25);
    expect((await terms()).isPaused).toBe(false);
    const payment = await claim();
    await harness.caller.call(x402Calls.collect, { payment, amount: 7n });
    expect(await harness.caller.call(x402Calls.outcome, { payment })).toMatchObject({ success: true });
  });
});
