import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { nodeKeys } from './node-keys.js';
import { ownWallet, payoutAddress } from './wallet.js';

describe("a node's keys", () => {
  let directory: string;
  beforeEach(() => {
    directory = join(mkdtempSync(join(tmpdir(), 'keys-')), 'node');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('are made once, and only their owner can read them', () => {
    const first = nodeKeys(directory);
    const address = payoutAddress(directory, undefined);
    expect(nodeKeys(directory)).toMatchObject({ publicKey: first.publicKey, natsPublicKey: first.natsPublicKey });
    expect(payoutAddress(directory, undefined)).toBe(address);
    expect(ownWallet(directory).address).toBe(address);
    expect(readdirSync(directory).sort()).toEqual(['identity.pem', 'nats.seed', 'wallet.key']);
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
  });

  it('do not include a wallet when the payout address is given', () => {
    const given = '0x00000000000000000000000000000000000000aa';
    expect(payoutAddress(directory, given)).toBe(given);
    expect(() => ownWallet(directory)).toThrow(/holds no wallet/);
  });

  it('differ between nodes', () => {
    expect(nodeKeys(directory).publicKey).not.toBe(nodeKeys(`${directory}/other`).publicKey);
  });
});
