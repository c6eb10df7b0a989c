import { Interface, Wallet } from 'ethers';
import { askChain } from '#local';
import { anvilKeys } from './anvil.js';
import { priceFeedCode, sanctionsListCode, walletCode } from './oracle-stands.js';

const codes = { feed: priceFeedCode, sanctions: sanctionsListCode, wallet: walletCode } as const;
const setters = {
  feed: new Interface(['function set(uint8 decimals, uint80 round, int256 answer, uint256 updatedAt)']),
  sanctions: new Interface(['function set(address account, bool sanctioned)']),
  wallet: new Interface(['function set(address owner)']),
} as const;

/** Places a stand of an oracle or a wallet at an address of a local chain. */
export async function placeStand(rpcUrl: string, kind: keyof typeof codes, address: string): Promise<void> {
  await askChain(rpcUrl, 'anvil_setCode', [address, codes[kind]]);
}

/** Tells a stand what to answer from the next block on; mined at once. */
export async function setStand(rpcUrl: string, kind: keyof typeof codes, address: string, values: readonly unknown[]): Promise<void> {
  const from = new Wallet(anvilKeys.at(-1)!).address;
  await askChain(rpcUrl, 'eth_sendTransaction', [{ from, to: address, data: setters[kind].encodeFunctionData('set', values), gas: '0x7a120' }]);
}
