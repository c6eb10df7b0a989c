import { keccak256 } from 'ethers';
import type { Provider } from 'ethers';
import { finalBlock, isBuild, reaching, requireBuild, Token } from '#chain';
import type { ChainRules, Escrow, EscrowConstants } from '#chain';
import { isDomainError } from '#kernel';
import { failure } from '#protocol';

export interface Expected {
  readonly escrow: Escrow;
  readonly bonds: string | undefined;
  readonly rules: ChainRules;
  /** keccak256 of the code of an escrow of another build, which the operator has looked at. */
  readonly escrowCodeHash: string | undefined;
}

export interface FoundContracts extends EscrowConstants {
  readonly tokenDecimals: number;
}

/**
 * Looks whether what stands on the chain is what money may be sent to. Errors: CHAIN_REJECTED, with what is not as it should be and the setting
 * that it belongs to; CHAIN_UNAVAILABLE.
 */
export async function requireContracts(provider: Provider, { escrow, bonds, rules, escrowCodeHash }: Expected): Promise<FoundContracts> {
  await requireEscrowCode(provider, escrow.address, rules, escrowCodeHash);
  await requireDomain(escrow, rules.id);
  // On a local chain contracts of an older build are kept with it.
  if (bonds !== undefined && !rules.local) await naming('SETTLEMENT_BONDS', () => requireBuild(provider, 'MizanBonds', bonds));
  const constants = await escrow.constants();
  const tokenDecimals = await decimalsOf(provider, rules, constants);
  await requireFinality(provider, rules);
  return { ...constants, tokenDecimals };
}

async function requireEscrowCode(provider: Provider, address: string, { name, local }: ChainRules, accepted: string | undefined): Promise<void> {
  const code = await reaching(() => provider.getCode(address));
  if (code === '0x') throw failure('CHAIN_REJECTED', `SETTLEMENT_ESCROW: there is no contract at ${address} on ${name}`, { address });
  if (local || isBuild('MizanEscrow', code)) return;
  const hash = keccak256(code);
  if (hash !== accepted) throw failure('CHAIN_REJECTED', `SETTLEMENT_ESCROW: the code at ${address} on ${name} is not this build's; if it is an escrow of another build that you have verified, give its hash as SETTLEMENT_ESCROW_CODE_HASH: ${hash}`, { address, hash });
}

/** What statements are signed for: under another domain every signature would be refused, or be good elsewhere. */
async function requireDomain(escrow: Escrow, id: bigint): Promise<void> {
  const { name, version, chainId, verifyingContract } = await naming('SETTLEMENT_ESCROW', () => escrow.domain());
  if (name === 'MizanEscrow' && version === '1' && chainId === id && verifyingContract.toLowerCase() === escrow.address.toLowerCase()) return;
  throw failure('CHAIN_REJECTED', `SETTLEMENT_ESCROW: the contract at ${escrow.address} takes signatures for ${name} ${version} at ${verifyingContract} on chain ${chainId}, and not for MizanEscrow 1 at its own address on ${id}`, {});
}

async function decimalsOf(provider: Provider, { name, tokens }: ChainRules, { token, unit }: EscrowConstants): Promise<number> {
  const decimals = await naming("the escrow's token", () => new Token(token, provider).decimals());
  const listed = tokens.find(({ address }) => address.toLowerCase() === token.toLowerCase());
  if (listed !== undefined && listed.decimals !== decimals) throw failure('CHAIN_REJECTED', `the escrow's token ${listed.symbol} at ${token} on ${name} says that it has ${decimals} decimals, and should have ${listed.decimals}`, { token });
  if (decimals > 18 || unit > 10n ** BigInt(decimals)) throw failure('CHAIN_REJECTED', `the escrow's token at ${token} on ${name} has ${decimals} decimals, which do not go with a unit of ${unit}`, { token });
  return decimals;
}

/** A chain that has no final block yet will have one; an endpoint that does not know the word never says so. */
async function requireFinality(provider: Provider, { name, finality }: ChainRules): Promise<void> {
  try {
    await finalBlock(provider, finality);
  } catch (error) {
    if (isDomainError(error, 'CHAIN_REJECTED')) throw failure('CHAIN_REJECTED', `SETTLEMENT_RPC_URL: the endpoint does not say which block of ${name} is final: ${error.message}`, {}, error);
  }
}

async function naming<T>(setting: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isDomainError(error, 'CHAIN_REJECTED') ? failure('CHAIN_REJECTED', `${setting}: ${error.message}`, error.details, error) : error;
  }
}
