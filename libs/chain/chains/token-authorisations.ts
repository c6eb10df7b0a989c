import type { TokenAuthorisation } from '#protocol';
import { rulesOf } from './known-chains.js';

/** The European Economic Area: where an authorisation of one member is good in all. */
export const eea = ['AT', 'BE', 'BG', 'CY', 'CZ', 'DE', 'DK', 'EE', 'ES', 'FI', 'FR', 'GR', 'HR', 'HU', 'IE', 'IS', 'IT', 'LI', 'LT', 'LU', 'LV', 'MT', 'NL', 'NO', 'PL', 'PT', 'RO', 'SE', 'SI', 'SK'] as const;

/**
 * What issuers of tokens are authorised for, as it is on file here. Whoever deploys confirms it with the authority's register first, and adds what is
 * missing (`SETTLEMENT_TOKEN_AUTHORISATIONS`): a token is taken from nowhere that is not on file.
 */
const bySymbol: Readonly<Record<string, readonly TokenAuthorisation[]>> = {
  USDC: [
    {
      jurisdictions: [...eea],
      issuer: 'Circle Internet Financial Europe SAS',
      authority: 'Autorité de contrôle prudentiel et de résolution (France)',
      regime: 'e-money token of an electronic money institution, Regulation (EU) 2023/1114 (MiCA), title IV',
      reference: 'the issuer’s entry in the register of financial agents (REGAFI)',
      date: '2024-07-01',
      unconfirmed: ['the number of the entry', 'that the authorisation is in force on the day of deployment'],
    },
    {
      jurisdictions: ['US'],
      issuer: 'Circle Internet Financial, LLC',
      authority: 'New York State Department of Financial Services',
      regime: 'virtual currency licence, 23 NYCRR 200, and money transmitter licences of the states',
      reference: 'the issuer’s entry in the department’s list of virtual currency businesses',
      date: '2015-09-22',
      unconfirmed: ['that licences cover every state', 'what federal law on payment stablecoins asks since'],
    },
  ],
};

/** What is on file for a token of a chain (address in any case); nothing for a token that a bridge issued, whatever it is called. */
export function authorisationsOf(chainId: bigint, token: string): readonly TokenAuthorisation[] {
  const known = rulesOf(chainId).tokens.find(({ address }) => address.toLowerCase() === token.toLowerCase());
  return known === undefined || known.bridged ? [] : (bySymbol[known.symbol] ?? []);
}
