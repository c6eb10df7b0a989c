import { describe, expect, it } from '@jest/globals';
import { readOptions } from './node-options.js';

const good = { dir: '/d', name: 'n', region: 'eu-frankfurt', country: 'DE', jurisdiction: 'EU', priceInput: '0.02', priceOutput: '0', capacity: '4', engine: ['embedded'] };

describe('options of a node', () => {
  it('read prices as dollars per million tokens', () => {
    expect(readOptions(good)).toMatchObject({ priceInput: 20_000_000n, priceOutput: 0n, capacity: 4 });
  });

  it('say together where gateways call and where the node hears them', () => {
    expect(readOptions({ ...good, listen: '[::1]:8443', publicUrl: 'https://node.example/mizan' })).toMatchObject({ listen: { host: '::1', port: 8443 }, publicUrl: 'https://node.example/mizan' });
    expect(() => readOptions({ ...good, listen: '0.0.0.0:8443' })).toThrow(/--public-url: goes with --listen/);
    expect(() => readOptions({ ...good, publicUrl: 'https://node.example' })).toThrow(/--public-url: goes with --listen/);
    expect(() => readOptions({ ...good, listen: '8443', publicUrl: 'https://u:p@node.example/?a' })).toThrow(/--listen: .*--public-url: /);
  });

  it('say what may be paid by x402, in what and to whom', () => {
    const token = `eip155:8453/0x${'ab'.repeat(20)}`;
    expect(readOptions({ ...good, x402Assets: ` ${token}, ${token}`, x402Payees: `shop.example:8443=0x${'cd'.repeat(20)}`, x402MaxRequest: '0.05', x402MaxDay: '5', x402Key: 'keystore:/k.json', x402Models: 'a,b' })).toMatchObject({
      x402Assets: [token, token],
      x402Payees: [`shop.example:8443=0x${'cd'.repeat(20)}`],
      x402MaxRequest: 50_000_000n,
      x402MaxDay: 5_000_000_000n,
      x402Models: ['a', 'b'],
    });
    const key = 'ff'.repeat(31);
    const wrong = () => readOptions({ ...good, x402Assets: 'USDC', x402Payees: 'shop.example', x402MaxRequest: '0', x402MaxDay: '-1', x402Key: key });
    expect(wrong).toThrow(/--x402-key: is a key.*--x402-assets: is a token.*--x402-payees: is a host.*--x402-max-request: .*--x402-max-day: /);
    expect(wrong).not.toThrow(key);
  });

  it('name each option that is wrong', () => {
    expect(() => readOptions({ ...good, country: 'Germany', priceInput: '-1', capacity: '0', payoutAddress: '0x1' })).toThrow(/--country: .*--payout-address: .*--price-input: .*--capacity: /);
  });
});
