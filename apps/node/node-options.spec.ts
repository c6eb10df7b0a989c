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

  it('name each option that is wrong', () => {
    expect(() => readOptions({ ...good, country: 'Germany', priceInput: '-1', capacity: '0', payoutAddress: '0x1' })).toThrow(/--country: .*--payout-address: .*--price-input: .*--capacity: /);
  });
});
