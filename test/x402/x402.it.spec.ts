import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HTTPFacilitatorClient } from '@x402/core/server';
import { ExactEvmScheme } from '@x402/evm/exact/server';
import { UptoEvmScheme } from '@x402/evm/upto/server';
import { paymentMiddleware, setSettlementOverrides, x402ResourceServer } from '@x402/express';
import { decodePaymentResponseHeader } from '@x402/fetch';
import { Wallet } from 'ethers';
import express from 'express';
import { openRecordBody, paymentPayload } from '#protocol';
import { connect, isSignedByKey, paymentDigest, sendCall, settlementCall } from '#chain';
import { anvilKeys } from '#testing';
import { sealKeys } from '../../apps/gateway/examples.js';
import { eventually } from '../../apps/gateway/gateway-harness.js';
import { perClient } from '../../apps/gateway/x402/payment-attempts.js';
import { answer, network, ok, payTo, Shop } from './x402-shop.js';

/** 1 byte and 16 markers at a unit a token: the most that it can cost. */
const most = 17n;
const body = { model: 'embed', input: 'a' };
let shop: Shop;

beforeAll(async () => {
  shop = await Shop.open();
});
afterAll(() => shop.close());

const outcomeOf = (response: Response) => decodePaymentResponseHeader(response.headers.get('payment-response') ?? '');
const requiredOf = (response: Response) => JSON.parse(Buffer.from(response.headers.get('payment-required') ?? '', 'base64').toString()) as { error: string; accepts: { scheme: string; amount: string }[] };

describe('a caller with a wallet and no account', () => {
  it('is told the price and all ways to pay it, before anything runs', async () => {
    const ran = shop.ran;
    const asked = await shop.post(body);
    expect([asked.status, asked.headers.get('cache-control'), ((await asked.json()) as { error: { code: string } }).error.code]).toEqual([402, 'no-store', 'PAYMENT_REQUIRED']);
    const { accepts } = requiredOf(asked);
    expect(accepts.map(({ scheme, amount }) => `${scheme} ${amount}`)).toEqual(['exact 17', 'exact 17', 'upto 17']);
    expect(shop.ran).toBe(ran);
  });

  it('buys an embedding with the official client, unchanged: EIP-3009, the price as it was told', async () => {
    const before = await shop.paid();
    const buyer = (await shop.buyer(100n)).by('eip3009');
    const response = await buyer.buy(shop.url, body);
    expect(await response.json()).toEqual(answer);
    expect(outcomeOf(response)).toMatchObject({ success: true, network, payer: buyer.account.address, amount: most.toString() });
    expect((await shop.paid()) - before).toBe(most);
    // The books and the log hear of it when it is final.
    const record = response.headers.get('x-mizan-record')!;
    await eventually(() => shop.sold.some((sale) => sale.record === record));
    expect(shop.sold.filter((sale) => sale.record === record)).toMatchObject([{ payer: buyer.account.address, payTo, units: most }]);
    const logged = () => shop.gateway.records.filter(({ id }) => id === record);
    await eventually(() => logged().length === 3);
    expect(logged().map(({ type }) => type)).toEqual(['admitted', 'completed', 'x402.settled']);
    const { fields } = openRecordBody(record, 'x402.settled', logged()[2]!.body!, sealKeys.privateKey);
    expect(fields).toMatchObject({ payer: buyer.account.address, amount: '17', tx: outcomeOf(response).transaction });
  });

  it('pays the same by Permit2, and by upto what the work cost only', async () => {
    for (const [method, amount] of [['permit2', most], ['upto', 5n]] as const) {
      const before = await shop.paid();
      const response = await (await shop.buyer(100n, true)).by(method).buy(shop.url, body);
      expect([method, response.status, outcomeOf(response).amount]).toEqual([method, 200, amount.toString()]);
      expect((await shop.paid()) - before).toBe(amount);
    }
  });

  it('gets the same answer when it sends the same payment again, and pays once', async () => {
    const buyer = (await shop.buyer(100n)).by('eip3009');
    const first = await buyer.buy(shop.url, body);
    const [before, ran] = [await shop.paid(), shop.ran];
    const again = await fetch(shop.url, { method: 'POST', ...buyer.last! });
    expect([again.status, again.headers.get('idempotency-replayed'), await again.json()]).toEqual([200, 'true', answer]);
    expect(outcomeOf(again).transaction).toBe(outcomeOf(first).transaction);
    const other = await fetch(shop.url, { method: 'POST', headers: buyer.last!.headers, body: JSON.stringify({ ...body, input: 'b' }) });
    expect([other.status, requiredOf(other).error]).toEqual([402, 'payment_already_used']);
    expect([await shop.paid(), shop.ran]).toEqual([before, ran]);
  });

  it('is not charged for work that failed, and may use the payment again', async () => {
    const before = await shop.paid();
    const buyer = (await shop.buyer(17n)).by('eip3009');
    shop.work = () => Promise.reject(new Error('the engine fell over'));
    const failed = await buyer.buy(shop.url, body).finally(() => (shop.work = () => Promise.resolve(ok())));
    expect(failed.status).toBe(503);
    expect(await shop.paid()).toBe(before);
    const again = await fetch(shop.url, { method: 'POST', ...buyer.last! });
    expect([again.status, await shop.paid()]).toEqual([200, before + most]);
  });

  it('is told in a word what is wrong with a payment, and nothing runs', async () => {
    const ran = shop.ran;
    const asking = await shop.post(body);
    const rich = (await shop.buyer(100n)).by('eip3009');
    const poor = (await shop.buyer(3n)).by('eip3009');
    const unapproved = (await shop.buyer(100n)).by('permit2');
    const past = (text: string): string => Buffer.from(JSON.stringify(withAuthorization(JSON.parse(Buffer.from(text, 'base64').toString()), { validBefore: '1000' }))).toString('base64');
    const forged = (text: string): string => Buffer.from(JSON.stringify(withAuthorization(JSON.parse(Buffer.from(text, 'base64').toString()), { from: poor.account.address }))).toString('base64');
    const signed = await rich.sign(asking);
    const cases: [string, Record<string, string>][] = [
      ['price_changed', await rich.sign(asking, (way) => ({ ...way, amount: '16' }))],
      ['no_matching_requirements', await rich.sign(asking, (way) => ({ ...way, network: 'eip155:8453' }))],
      ['no_matching_requirements', await rich.sign(asking, (way) => ({ ...way, payTo: rich.account.address }))],
      ['invalid_exact_evm_insufficient_balance', await poor.sign(asking)],
      ['permit2_allowance_required', await unapproved.sign(asking)],
      ['invalid_exact_evm_payload_authorization_valid_before', { 'payment-signature': past(signed['PAYMENT-SIGNATURE']!) }],
      ['invalid_exact_evm_signature', { 'payment-signature': forged(signed['PAYMENT-SIGNATURE']!) }],
    ];
    for (const [reason, headers] of cases) {
      const response = await shop.post(body, headers);
      expect([response.status, requiredOf(response).error]).toEqual([402, reason]);
    }
    expect((await shop.post(body, { 'payment-signature': 'nonsense' })).status).toBe(400);
    expect((await shop.post({ ...body, model: 'absent' })).status).toBe(404);
    expect(shop.ran).toBe(ran);
  });

  it('cannot buy two requests at once with money for one', async () => {
    const before = await shop.paid();
    const buyer = (await shop.buyer(20n)).by('eip3009');
    const asking = await shop.post(body);
    const payments = await Promise.all([0, 1, 2].map(() => buyer.sign(asking)));
    shop.work = () => new Promise((resolve) => setTimeout(() => resolve(ok()), 300));
    const answers = await Promise.all(payments.map((headers) => shop.post(body, headers))).finally(() => (shop.work = () => Promise.resolve(ok())));
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 402, 402]);
    expect(answers.filter(({ status }) => status === 402).map((refused) => requiredOf(refused).error)).toEqual(['payer_balance_spoken_for', 'payer_balance_spoken_for']);
    expect((await shop.paid()) - before).toBe(most);
  });

  it('has paid when somebody else sends its authorisation first', async () => {
    const before = await shop.paid();
    const buyer = (await shop.buyer(17n)).by('eip3009');
    const asking = await shop.post(body);
    const headers = await buyer.sign(asking);
    const paid = paymentPayload.parse(JSON.parse(Buffer.from(headers['PAYMENT-SIGNATURE']!, 'base64').toString()));
    const { target, data } = settlementCall(paid.payload, 'exact', shop.token.address, most, true);
    expect(isSignedByKey(paid.payload, paymentDigest(paid.payload, paid.accepted, { name: 'Mizan Test Dollar', version: '1' }))).toBe(true);
    shop.work = async () => {
      await sendCall(new Wallet(anvilKeys[2], connect(shop.anvil.rpcUrl, 31_337n)), target, data);
      return ok();
    };
    const response = await shop.post(body, headers).finally(() => (shop.work = () => Promise.resolve(ok())));
    expect([response.status, outcomeOf(response).success, await shop.paid()]).toEqual([200, true, before + most]);
    await eventually(() => shop.sold.some(({ record }) => record === response.headers.get('x-mizan-record')));
  });

  it('who is under sanctions buys nothing, is told so, and is in the log once a day', async () => {
    const buyer = (await shop.buyer(100n)).by('eip3009');
    const other = (await shop.buyer(100n)).by('eip3009');
    const [asking, ran, before] = [await shop.post(body), shop.ran, await shop.paid()];
    const payments = [await buyer.sign(asking), await buyer.sign(asking)];
    const { accepted } = paymentPayload.parse(JSON.parse(Buffer.from(payments[0]!['PAYMENT-SIGNATURE']!, 'base64').toString()));
    const key = await shop.gateway.key('facilitating');
    const facilitate = async (path: string, headers: Record<string, string>): Promise<unknown> => {
      const paid: unknown = JSON.parse(Buffer.from(headers['PAYMENT-SIGNATURE']!, 'base64').toString());
      return (await fetch(`${shop.gateway.url}/v1/x402/${path}`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` }, body: JSON.stringify({ x402Version: 2, paymentPayload: paid, paymentRequirements: accepted }) })).json();
    };
    shop.list([`${buyer.account.address.toLowerCase()} # since today`]);
    for (const headers of payments) {
      const refused = await shop.post(body, headers);
      expect([refused.status, requiredOf(refused).error]).toEqual([402, 'payer_sanctioned']);
    }
    expect(await facilitate('verify', payments[0]!)).toMatchObject({ isValid: false, invalidReason: 'payer_sanctioned', payer: buyer.account.address });
    expect(await facilitate('settle', payments[0]!)).toMatchObject({ success: false, errorReason: 'payer_sanctioned', payer: buyer.account.address, transaction: '' });
    expect((await other.buy(shop.url, body)).status).toBe(200);
    expect([shop.ran - ran, (await shop.paid()) - before]).toEqual([1, most]);
    await eventually(() => shop.refusals.length > 0 && shop.refused.length > 0);

    // Nobody is paid either whom a list names; what was refused may be paid when no list does.
    shop.list([payTo]);
    expect(await facilitate('verify', payments[1]!)).toMatchObject({ isValid: false, invalidReason: 'recipient_sanctioned' });
    await eventually(() => shop.refusals.length > 1 && shop.refused.length > 1);
    shop.list([]);
    expect((await shop.post(body, payments[0])).status).toBe(200);
    expect(shop.refusals.map(({ tenant, fields }) => ({ tenant, ...fields }))).toMatchObject([
      { tenant: null, payer: buyer.account.address, payTo, reason: 'payer_sanctioned', source: expect.stringContaining('list.txt'), chainId: 31_337 },
      { tenant: null, payer: buyer.account.address, payTo, reason: 'recipient_sanctioned' },
    ]);
    expect(shop.refused.map(({ reason }) => reason)).toEqual(['payer_sanctioned', 'recipient_sanctioned']);
  });

  it('is told to come later when it brings payments without end; others are not', async () => {
    const asking = await shop.post(body);
    const buyer = (await shop.buyer(100n)).by('eip3009');
    const [elsewhere, good] = [await buyer.sign(asking, (way) => ({ ...way, network: 'eip155:8453' })), await buyer.sign(asking)];
    const from = (address: string, headers: Record<string, string>) => shop.post(body, { ...headers, 'x-forwarded-for': address });
    const statuses: number[] = [];
    for (let at = 0; at < perClient.burst; at += 1) statuses.push((await from('192.0.2.7', elsewhere)).status);
    expect(new Set(statuses)).toEqual(new Set([402]));
    const refused = await Promise.all(Array.from({ length: perClient.burst }, () => from('192.0.2.7', good)));
    const limited = refused.find(({ status }) => status === 429)!;
    expect([((await limited.json()) as { error: { code: string } }).error.code, Number(limited.headers.get('retry-after')) > 0]).toEqual(['RATE_LIMITED', true]);
    expect((await from('192.0.2.8', good)).status).toBe(200);
  });

  it('is not sold a stream, nor what needs an account', async () => {
    const stream = await fetch(`${shop.gateway.url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'embed', messages: [{ role: 'user', content: 'a' }], stream: true }) });
    expect([stream.status, ((await stream.json()) as { error: { param: string } }).error.param]).toEqual([400, 'stream']);
    for (const path of ['/v1/responses', '/v1/files', '/v1/batches']) expect([path, (await fetch(`${shop.gateway.url}${path}`, { method: path === '/v1/responses' ? 'POST' : 'GET', ...(path === '/v1/responses' && { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'embed', input: 'a' }) }) })).status]).toEqual([path, 401]);
  });
});

describe('the facilitator', () => {
  it('serves the official server package: verifies, settles in part, and names what it takes', async () => {
    const key = await shop.gateway.key('facilitated');
    const client = new HTTPFacilitatorClient({
      url: `${shop.gateway.url}/v1/x402`,
      createAuthHeaders: () => {
        const headers = { authorization: `Bearer ${key}` };
        return Promise.resolve({ verify: headers, settle: headers, supported: headers });
      },
    });
    const price = { asset: shop.token.address, amount: '50', extra: { name: 'Mizan Test Dollar', version: '1' } };
    const way = (scheme: string) => ({ accepts: { scheme, network: network as `${string}:${string}`, payTo, price, maxTimeoutSeconds: 60 } });
    const app = express();
    app.use(paymentMiddleware({ 'GET /exact': way('exact'), 'GET /upto': way('upto') }, new x402ResourceServer(client).register(network, new ExactEvmScheme()).register(network, new UptoEvmScheme())));
    app.get('/exact', (_request, response) => void response.json({ fact: 1 }));
    app.get('/upto', (_request, response) => {
      setSettlementOverrides(response, { amount: '20' });
      response.json({ fact: 2 });
    });
    const server = app.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      for (const [path, amount, approved] of [['exact', 50n, false], ['upto', 20n, true]] as const) {
        const before = await shop.paid();
        const buyer = await shop.buyer(60n, approved);
        const response = await buyer.fetch(`${url}/${path}`);
        expect([path, response.status, (await shop.paid()) - before]).toEqual([path, 200, amount]);
        const again = await fetch(`${url}/${path}`, { headers: buyer.last!.headers });
        expect([path, again.status, (await shop.paid()) - before]).toEqual([path, 402, amount]);
      }
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('takes payments for named recipients only, by who may', async () => {
    const asking = await shop.post(body);
    const payer = await shop.buyer(100n);
    const headers = await payer.by('eip3009').sign(asking, (way) => ({ ...way, payTo: payer.account.address }));
    const paid = JSON.parse(Buffer.from(headers['PAYMENT-SIGNATURE']!, 'base64').toString()) as { accepted: object };
    const ask = async (path: string, key: string | undefined) => {
      const response = await fetch(`${shop.gateway.url}/v1/x402/${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...(key !== undefined && { authorization: `Bearer ${key}` }) }, body: JSON.stringify({ x402Version: 2, paymentPayload: paid, paymentRequirements: paid.accepted }) });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    const [developer, auditor] = [await shop.gateway.key('dev'), await shop.gateway.key('aud', 'auditor', null, 9)];
    expect((await ask('verify', undefined)).status).toBe(401);
    expect((await ask('settle', auditor)).status).toBe(403);
    expect(await ask('verify', developer)).toMatchObject({ status: 200, body: { isValid: false, invalidReason: 'pay_to_not_served' } });
    expect(await ask('settle', developer)).toMatchObject({ status: 200, body: { success: false, errorReason: 'pay_to_not_served', transaction: '' } });
    const supported = (await (await fetch(`${shop.gateway.url}/v1/x402/supported`)).json()) as { kinds: { scheme: string }[] };
    expect(supported.kinds.map(({ scheme }) => scheme)).toEqual(['exact', 'upto']);
    const page = (await (await fetch(`${shop.gateway.url}/v1/x402/payments?limit=2`, { headers: { authorization: `Bearer ${auditor}` } })).json()) as { data: { state: string }[]; hasMore: boolean };
    expect([page.data.length, page.hasMore]).toEqual([2, true]);
  });
});

function withAuthorization(payment: { payload: { authorization: object } }, change: object): object {
  return { ...payment, payload: { ...payment.payload, authorization: { ...payment.payload.authorization, ...change } } };
}
