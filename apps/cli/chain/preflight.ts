import type { JsonRpcProvider } from 'ethers';
import { ZeroAddress, ZeroHash } from 'ethers';
import { reaching, Token, tokenInterface } from '#chain';
import type { ChainRules } from '#chain';
import { failure } from '#protocol';

/** Init code that uses transient storage (TSTORE) and MCOPY, and leaves nothing: `0,0 TSTORE 0,0,0 MCOPY STOP`. */
const cancunProbe = '0x5f5f5d5f5f5f5e00';

/** Error: CHAIN_REJECTED when the chain's machine is too old for the contracts. */
export async function requireCancun(provider: JsonRpcProvider): Promise<void> {
  await reaching(() => provider.call({ data: cancunProbe })).catch((error: unknown) => {
    const { code } = error as { code?: string };
    if (code !== 'CHAIN_REJECTED') throw error;
    throw failure('CHAIN_REJECTED', 'the chain does not run Cancun (transient storage and MCOPY), which the contracts need', {}, error);
  });
}

export interface FoundToken {
  readonly address: string;
  readonly symbol: string;
  readonly decimals: number;
  /** Whether it takes EIP-3009 authorisations. */
  readonly authorisations: boolean;
}

/** The address that is meant by a symbol of the chain's table, or by an address. Error: the table has no such token. */
export function tokenAddress(rules: ChainRules, given: string): string {
  if (/^0x[0-9a-fA-F]{40}$/.test(given)) return given;
  const found = rules.tokens.find(({ symbol }) => symbol.toLowerCase() === given.toLowerCase());
  if (found) return found.address;
  const known = rules.tokens.map(({ symbol }) => symbol).join(', ') || 'none';
  throw new Error(`no token ${given} is known on ${rules.name} (known: ${known}); give its address with --token 0x…`);
}

/** Reads a token from the chain and compares it with the table. Errors: nothing there; other decimals than the table's; CHAIN_UNAVAILABLE. */
export async function findToken(provider: JsonRpcProvider, rules: ChainRules, address: string): Promise<FoundToken> {
  if ((await reaching(() => provider.getCode(address))) === '0x') throw new Error(`there is no contract at ${address} on ${rules.name}: this is not a token`);
  const decimals = await new Token(address, provider).decimals();
  const listed = rules.tokens.find((token) => token.address.toLowerCase() === address.toLowerCase());
  if (listed && listed.decimals !== decimals) throw new Error(`${listed.symbol} at ${address} has ${decimals} decimals and should have ${listed.decimals}: the endpoint may be another chain`);
  if (decimals > 18) throw new Error(`the token at ${address} has ${decimals} decimals; the contracts take at most 18`);
  const probe = tokenInterface.encodeFunctionData('authorizationState', [ZeroAddress, ZeroHash]);
  const authorisations = await provider.call({ to: address, data: probe }).then(
    (answer) => /^0x0{63}[01]$/.test(answer),
    () => false,
  );
  return { address, symbol: listed?.symbol ?? (await symbolOf(provider, address)), decimals, authorisations };
}

async function symbolOf(provider: JsonRpcProvider, address: string): Promise<string> {
  const answer = await provider.call({ to: address, data: tokenInterface.encodeFunctionData('symbol', []) }).catch(() => '0x');
  try {
    return tokenInterface.decodeFunctionResult('symbol', answer)[0] as string;
  } catch {
    return 'unknown';
  }
}

/** A unit is a millionth of a token: 1 at 6 decimals, 10¹² at 18; a token with fewer decimals counts in its own smallest part. */
export const unitFor = (decimals: number): bigint => (decimals > 6 ? 10n ** BigInt(decimals - 6) : 1n);
