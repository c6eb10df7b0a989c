import { describe, expect, it } from '@jest/globals';
import { readOptions } from './node-options.js';

const good = { dir: '/d', name: 'n', region: 'eu-frankfurt', country: 'DE', jurisdiction: 'EU', priceInput: '0.02', priceOutput: '0', capacity: '4', engine: ['embedded'] };

describe('options of a node', () => {
  it('read prices as dollars per million tokens', () => {
    expect(readOptions(good)).toMatchObject({ priceInput: 20_000_000n, priceOutput: 0n, capacity: 4 });
  });

  it('read what is asked beside tokens as dollars for an image, a second, a frame', () => {
    expect(readOptions({ ...good, priceMeters: 'images=0.04, audio_ms=0.0001,frames=0' }).priceMeters).toEqual({ images: 40_000_000n, audio_ms: 100_000n, frames: 0n });
    for (const wrong of ['images', 'images=', 'images=-1', 'favours=1', 'images=0.0000000001']) expect(() => readOptions({ ...good, priceMeters: wrong })).toThrow(/--price-meters: .*as images=0\.04,audio_ms=0\.0001; there are cached_tokens, images/);
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

  it('say what models are for whose names do not say', () => {
    expect(readOptions({ ...good, modelEndpoints: 'org/a=b=audio.speech, talk=chat.completions+completions' }).modelEndpoints).toEqual(new Map([['org/a=b', ['audio.speech']], ['talk', ['chat.completions', 'completions']]]));
    for (const wrong of ['voice', '=audio.speech', 'voice=', 'voice=sing']) expect(() => readOptions({ ...good, modelEndpoints: wrong })).toThrow(/--model-endpoints: .*audio\.speech/);
  });

  it('name each option that is wrong', () => {
    expect(() => readOptions({ ...good, country: 'Germany', priceInput: '-1', capacity: '0', payoutAddress: '0x1' })).toThrow(/--country: .*--payout-address: .*--price-input: .*--capacity: /);
  });
});
