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

  it('takes a delegate’s key for a payer whose own is elsewhere, and no key twice or in the wrong place', async () => {
    const delegate = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC';
    const { SETTLEMENT_DELEGATE_KEYS: keys } = readConfig('settlement', settlementConfig, { ...env, SETTLEMENT_DELEGATE_KEYS: JSON.stringify({ [payer.toLowerCase()]: anvilKeys[2] }) });
    const opened = await PayerKeys.open(new Map(), {}, keys);
    expect([opened.signerOf(payer), opened.delegateOf(payer), opened.delegated()]).toEqual([{ address: delegate, isDelegate: true }, delegate, [payer]]);
    expect(() => readConfig('settlement', settlementConfig, { ...env, SETTLEMENT_DELEGATE_KEYS: JSON.stringify({ [payer]: anvilKeys[1] }) })).toThrow("not the payer's own");
    await expect(PayerKeys.open(new Map(), {}, new Map([[payer, anvilKeys[1]]]))).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining('SETTLEMENT_PAYER_KEYS') });
    const both = { SETTLEMENT_PAYER_KEYS: JSON.stringify({ [payer]: anvilKeys[1] }), SETTLEMENT_DELEGATE_KEYS: JSON.stringify({ [payer]: anvilKeys[2] }) };
    expect(() => readConfig('settlement', settlementConfig, { ...env, ...both })).toThrow('one of the two signs');
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
    expect(keys.signerOf(payer.toLowerCase())).toEqual({ address: payer, isDelegate: false });
    await expect(keys.sign('0x5FbDB2315678afecb367f032d93F642f64180aa3', ZeroHash)).rejects.toThrow('no signing key');
    await expect(PayerKeys.open(new Map([[payer, anvilKeys[2]]]), {})).rejects.toMatchObject({ code: 'CONFLICT', message: expect.stringContaining(payer) });
  });

  it('starts in production only when somebody is asked who is under sanctions, or says who answers for doing without', () => {
    const production = { ...env, NODE_ENV: 'production' };
    expect(() => readConfig('settlement', settlementConfig, production)).toThrow('SETTLEMENT_SCREENING_WAIVER');
    for (const given of [{ SETTLEMENT_SCREENING_LIST: '/lists/ofac.txt' }, { SETTLEMENT_SCREENING_ORACLE: payer }, { SETTLEMENT_SCREENING_WAIVER: 'Jane Doe: a pilot with ourselves alone' }]) {
      expect(readConfig('settlement', settlementConfig, { ...production, ...given })).toMatchObject(given);
    }
    for (const SETTLEMENT_SCREENING_WAIVER of ['yes', 'Jane Doe', ': because of this and that', 'Jane Doe: why']) {
      expect(() => readConfig('settlement', settlementConfig, { ...production, SETTLEMENT_SCREENING_WAIVER })).toThrow('who answers for it');
    }
    expect(readConfig('settlement', settlementConfig, env).SETTLEMENT_SCREENING_WAIVER).toBeUndefined();
  });

  it('asks for proof of a payee’s address on every chain that is not local, unless it is waived', () => {
    const proof = (more: Record<string, string>): string => readConfig('settlement', settlementConfig, { ...env, ...more }).SETTLEMENT_PAYEE_PROOF;
    expect([proof({}), proof({ SETTLEMENT_CHAIN_ID: 'base' }), proof({ SETTLEMENT_CHAIN_ID: '424242' })]).toEqual(['waived', 'required', 'required']);
    expect([proof({ SETTLEMENT_PAYEE_PROOF: 'required' }), proof({ SETTLEMENT_CHAIN_ID: 'base', SETTLEMENT_PAYEE_PROOF: 'waived' })]).toEqual(['required', 'waived']);
  });
});
