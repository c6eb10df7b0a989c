import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { payTo, Shop } from './x402-shop.js';

const body = { model: 'embed', input: 'a' };

describe('a gateway whose payments could not be taken', () => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open({ X402_GAS_PERCENT: '0' }, 503);
  });
  afterAll(() => shop.close());

  it('offers no terms: it says plainly that nothing is sold now, and when to ask again', async () => {
    const asked = await shop.post(body);
    expect([asked.status, asked.headers.get('payment-required'), asked.headers.get('retry-after'), ((await asked.json()) as { error: { code: string } }).error.code]).toEqual([503, null, '300', 'PAYMENTS_PAUSED']);
  });

  it('leaves the official client with its money', async () => {
    const buyer = (await shop.buyer(100n)).by('eip3009');
    const answer = await buyer.buy(shop.url, body);
    expect([answer.status, await shop.token.balanceOf(buyer.account.address), await shop.token.balanceOf(payTo), shop.ran]).toEqual([503, 100n, 0n, 0]);
  });
});
