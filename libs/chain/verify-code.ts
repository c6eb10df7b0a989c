import { dataLength, getBytes, hexlify } from 'ethers';
import type { Provider } from 'ethers';
import { failure } from '#protocol';
import { reaching } from './chain-failure.js';
import { runtimeCode } from './runtime-code.js';

export type BuiltContract = keyof typeof runtimeCode;

/** Zeroes what the constructor wrote: addresses, numbers, the signing domain. */
function withoutImmutables(code: string, places: readonly (readonly [number, number])[]): string {
  const bytes = getBytes(code);
  for (const [start, length] of places) bytes.fill(0, start, start + length);
  return hexlify(bytes);
}

/** Whether code that stands on chain is this build's, whatever its constructor was given. */
export function isBuild(name: BuiltContract, code: string): boolean {
  const { code: built, immutables } = runtimeCode[name];
  return dataLength(code) === dataLength(built) && withoutImmutables(code, immutables) === built;
}

/** Returns the code at an address. Errors: CHAIN_REJECTED (nothing there, or not this build), CHAIN_UNAVAILABLE. */
export async function requireBuild(provider: Provider, name: BuiltContract, address: string): Promise<string> {
  const code = await reaching(() => provider.getCode(address));
  if (code === '0x') throw failure('CHAIN_REJECTED', `there is no contract at ${address}`, { address });
  if (!isBuild(name, code)) throw failure('CHAIN_REJECTED', `the code at ${address} is not this build's ${name}: it is another version, or another contract`, { address, contract: name });
  return code;
}
