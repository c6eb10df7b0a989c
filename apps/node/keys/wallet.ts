import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Wallet } from 'ethers';
import { failure } from '#protocol';
import { openDirectory, secretFile } from './key-file.js';

const pathIn = (directory: string): string => join(directory, 'wallet.key');

/** The address that is paid: the given one, or that of a wallet made once in the node's directory. */
export function payoutAddress(directory: string, given: string | undefined): string {
  if (given !== undefined) return given;
  openDirectory(directory);
  return new Wallet(secretFile(pathIn(directory), () => Wallet.createRandom().privateKey)).address;
}

/** The wallet of the node's directory. Error: NOT_FOUND when payouts go to an address that was given. */
export function ownWallet(directory: string): Wallet {
  if (!existsSync(pathIn(directory))) throw failure('NOT_FOUND', `${directory} holds no wallet: withdraw with the key of the payout address you gave`);
  return new Wallet(readFileSync(pathIn(directory), 'utf8'));
}
