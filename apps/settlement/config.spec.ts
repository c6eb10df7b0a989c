import { describe, expect, it } from '@jest/globals';
import { ZeroHash } from 'ethers';
import { readConfig } from '#service';
import { anvilKeys } from '#testing';
import { settlementConfig } from './config.js';
import { PayerKeys } from './payers/payer-keys.js';

const payer = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
const env = {
  SETTLEMENT_RPC_URL: 'http://127.0.0.1:8545',
  SETTLEMENT_CHAIN_ID: '31337',
  SETTLEMENT_ESCROW: '0x5fbdb2315678afecb367f032d93f642f64180aa3',
  SETTLEMENT_RELAYER_KEY: anvilKeys[0],
};

describe('the configuration', () => {
  it('takes payer keys in any spelling of the address', () => {
    const { SETTLEMENT_PAYER_KEYS: keys, SETTLEMENT_ESCROW: escrow } = readConfig('settlement', settlementConfig, { ...env, SETTLEMENT_PAYER_KEYS: JSON.stringify({ [payer.toLowerCase()]: anvilKeys[1] }) });
    expect(keys.get(payer)).toBe(anvilKeys[1]);
    expect(escrow).toBe('0x5FbDB2315678afecb367f032d93F642f64180aa3');
  });

  it('refuses a key that is not the address’s, and never prints it', () => {
    for (const wrong of [JSON.stringify({ [payer]: anvilKeys[2] }), `{"${payer}":"${anvilKeys[1]}"`, JSON.stringify({ [payer]: anvilKeys[1].slice(0, 40) })]) {
      try {
        readConfig('settlement', settlementConfig, { ...env, SETTLEMENT_PAYER_KEYS: wrong });
        throw new Error('accepted');
      } catch (error) {
        expect((error as Error).message).toContain('SETTLEMENT_PAYER_KEYS');
        expect((error as Error).message).not.toMatch(/[0-9a-f]{30}/);
      }
    }
  });

  it('takes keys that are kept elsewhere by their names', () => {
    const { SETTLEMENT_PAYER_KEYS: keys, SETTLEMENT_RELAYER_KEY: relayer } = readConfig('settlement', settlementConfig, { ...env, SETTLEMENT_RELAYER_KEY: 'kms:alias/relayer', SETTLEMENT_PAYER_KEYS: JSON.stringify({ [payer]: 'keystore:/keys/payer.json' }) });
    expect([keys.get(payer), relayer]).toEqual(['keystore:/keys/payer.json', 'kms:alias/relayer']);
  });

  it('takes several endpoints, and no quorum that they cannot reach', () => {
    const urls = 'http://127.0.0.1:8545, https://one.example/v1/secret';
    expect(readConfig('settlement', settlementConfig, { ...env, SETTLEMENT_RPC_URL: urls }).SETTLEMENT_RPC_URL).toEqual(['http://127.0.0.1:8545', 'https://one.example/v1/secret']);
    expect(() => readConfig('settlement', settlementConfig, { ...env, SETTLEMENT_RPC_URL: urls, SETTLEMENT_RPC_QUORUM: '3' })).toThrow('SETTLEMENT_RPC_QUORUM');
    expect(() => readConfig('settlement', settlementConfig, { ...env, SETTLEMENT_RPC_URL: 'nowhere' })).toThrow('SETTLEMENT_RPC_URL');
  });

  it('takes a chain by its name in the table or by any id', () => {
    const chainOf = (given: string): number => readConfig('settlement', settlementConfig, { ...env, SETTLEMENT_CHAIN_ID: given }).SETTLEMENT_CHAIN_ID;
    expect([chainOf('base'), chainOf('8453'), chainOf('424242')]).toEqual([8453, 8453, 424_242]);
    for (const wrong of ['solana', '0', '-1', '1.5', '']) expect(() => chainOf(wrong)).toThrow('SETTLEMENT_CHAIN_ID');
  });

  it('keeps payer keys out of whatever prints the keystore, and opens none that is another address’s', async () => {
    const keys = await PayerKeys.open(new Map([[payer, anvilKeys[1]]]), {});
    expect(JSON.stringify(keys)).toBe('{}');
    expect(keys.has(payer.toLowerCase())).toBe(true);
    await expect(keys.sign('0x5FbDB2315678afecb367f032d93F642f64180aa3', ZeroHash)).rejects.toThrow('no signing key');
    await expect(PayerKeys.open(new Map([[payer, anvilKeys[2]]]), {})).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining(payer) });
  });
});
