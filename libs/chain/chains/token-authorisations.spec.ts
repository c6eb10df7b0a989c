import { describe, expect, it } from '@jest/globals';
import { tokenAuthorisation } from '#protocol';
import { knownChains } from './known-chains.js';
import type { ChainToken } from './chain-rules.js';
import { authorisationsOf, eea } from './token-authorisations.js';

describe('what is on file for tokens', () => {
  it('is of the issuer’s own token only: what a bridge issued has nothing, whatever it is called', () => {
    for (const { id, tokens } of knownChains) {
      for (const { address, bridged } of tokens as readonly ChainToken[]) {
        const found = authorisationsOf(id, address.toLowerCase());
        expect([address, found.length > 0]).toEqual([address, !bridged]);
        for (const each of found) expect(tokenAuthorisation.parse(each)).toEqual(each);
      }
    }
    expect(authorisationsOf(1n, '0x5FbDB2315678afecb367f032d93F642f64180aa3')).toEqual([]);
    // The address of a token on another chain is another's.
    expect(authorisationsOf(8453n, '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48')).toEqual([]);
  });

  it('is good in all thirty countries of the European Economic Area where it is good in one', () => {
    expect(new Set(eea).size).toBe(30);
    const [european] = authorisationsOf(1n, '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48');
    expect(european!.jurisdictions).toEqual([...eea]);
  });
});
