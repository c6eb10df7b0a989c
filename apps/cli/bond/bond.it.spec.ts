import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { keccak256, Wallet } from 'ethers';
import type { JsonRpcProvider } from 'ethers';
import { Bonds, connect, deployBonds, deployTestDollar, sendCall, Token, tokenCalls } from '#chain';
import { askChain } from '#local';
import { anvilKeys, startAnvil } from '#testing';
import type { Anvil } from '#testing';
import { bondCommand } from '../bond-command.js';
import { toUnits } from '../contract/contract-session.js';

/** Nothing runs but a chain: no service, no database, no bus. */
describe('mizan bond', () => {
  let directory: string;
  let anvil: Anvil;
  let provider: JsonRpcProvider;
  let bonds: Bonds;
  let token: Token;
  const who = { provider: anvilKeys[0], claimant: anvilKeys[1], arbiter: anvilKeys[2], court: anvilKeys[3] };
  const addressOf = (name: keyof typeof who): string => new Wallet(who[name]).address;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'mizan-bond-'));
    anvil = await startAnvil({ chainId: 480n });
    provider = connect(anvil.rpcUrl, 480n);
    const wallet = new Wallet(anvilKeys[4], provider);
    token = new Token(await deployTestDollar(wallet), provider);
    bonds = new Bonds(await deployBonds(wallet, { token: token.address, unit: 1n, thawSeconds: 1_000n, answerSeconds: 200n, rulingSeconds: 300n }), provider);
    for (const name of ['provider', 'claimant'] as const) await sendCall(wallet, token.address, tokenCalls.mint(addressOf(name), 1_000_000_000n));
    for (const [name, key] of Object.entries(who)) writeFileSync(join(directory, name), key);
    for (const name of ['evidence', 'reply']) writeFileSync(join(directory, `${name}.json`), JSON.stringify({ [name]: 1 }));
  });

  afterAll(async () => {
    provider.destroy();
    await anvil.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Runs the command as the command line does; what it printed. */
  async function run(words: readonly string[], by?: keyof typeof who): Promise<Record<string, unknown>> {
    const lines: string[] = [];
    const log = jest.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
    try {
      await bondCommand().exitOverride().parseAsync(['node', 'bond', ...words, '--rpc', anvil.rpcUrl, '--bonds', bonds.address, ...(by === undefined ? [] : ['--key-file', join(directory, by)]), '--json']);
    } finally {
      log.mockRestore();
    }
    return JSON.parse(lines.join('\n')) as Record<string, unknown>;
  }

  const wait = async (seconds: number): Promise<void> => {
    await askChain(anvil.rpcUrl, 'evm_increaseTime', [seconds]);
    await askChain(anvil.rpcUrl, 'anvil_mine', ['0x1']);
  };

  it('takes a bond under the terms that its provider named first', async () => {
    await expect(run(['post', '250'], 'provider')).rejects.toMatchObject({ code: 'CHAIN_REJECTED', details: { revert: 'TermsMissing' } });
    await run(['terms', '--arbiter', addressOf('arbiter'), '--court', addressOf('court'), '--claim-max', '100'], 'provider');
    expect(await run(['post', '250.5'], 'provider')).toMatchObject({ bond: '250.5', secured: '250.5', arbiter: addressOf('arbiter'), court: addressOf('court'), claimMax: '100.0' });
    expect(await run(['show', addressOf('provider')])).toMatchObject({ bond: '250.5', thawing: '0.0', claimed: '0.0' });
    await expect(run(['terms', '--arbiter', addressOf('claimant'), '--claim-max', '1'], 'provider')).rejects.toMatchObject({ details: { revert: 'BondNotEmpty' } });
  });

  it('carries a dispute from the evidence to the money, through arbiter and court', async () => {
    const evidence = ['--evidence', join(directory, 'evidence.json')];
    await expect(run(['dispute', addressOf('provider'), '101', ...evidence], 'claimant')).rejects.toMatchObject({ details: { revert: 'ClaimTooLarge' } });
    const filed = await run(['dispute', addressOf('provider'), '80', ...evidence], 'claimant');
    const id = filed['claim'] as string;
    expect(id).toBe(await bonds.claimId(addressOf('provider'), addressOf('claimant'), keccak256(Buffer.from('{"evidence":1}'))));
    expect(filed).toMatchObject({ asked: '80.0', stake: '4.0', granted: null });
    expect(await run(['show', addressOf('provider')])).toMatchObject({ secured: '170.5', claimed: '80.0' });
    await expect(run(['resolve', id, '80'], 'arbiter')).rejects.toMatchObject({ details: { revert: 'TooEarly' } });
    expect(await run(['answer', id, '--evidence', join(directory, 'reply.json')], 'provider')).toMatchObject({ answerUntil: null });
    await expect(run(['resolve', id, '80'], 'claimant')).rejects.toMatchObject({ details: { revert: 'NotYours' } });
    expect(await run(['resolve', id, '80'], 'arbiter')).toMatchObject({ granted: '80.0' });
    await run(['appeal', id], 'provider');
    expect(await run(['resolve', id, '60'], 'court')).toMatchObject({ granted: '60.0' });
    expect(await run(['close', id], 'claimant')).toMatchObject({ due: '58.0' });
    expect(await run(['show', addressOf('provider')])).toMatchObject({ bond: '194.5', claimed: '0.0' });
    await expect(run(['collect', id], 'claimant')).rejects.toMatchObject({ details: { revert: 'TooEarly' } });
    await wait(1_000);
    const elsewhere = Wallet.createRandom().address;
    await run(['collect', id, '--to', elsewhere], 'claimant');
    expect(await token.balanceOf(elsewhere)).toBe(58_000_000n);
    expect(await run(['claim', id])).toMatchObject({ due: '0.0', closedAt: expect.any(String) });
  });

  it('lets a bond out after its thaw', async () => {
    expect(await run(['thaw', '4.5'], 'provider')).toMatchObject({ thawing: '4.5' });
    expect(await run(['thaw'], 'provider')).toMatchObject({ thawing: '194.5', secured: '0.0' });
    await expect(run(['thaw'], 'provider')).rejects.toThrow('nothing left to thaw');
    await expect(run(['withdraw'], 'provider')).rejects.toThrow('the thaw ends at');
    await wait(1_000);
    const elsewhere = Wallet.createRandom().address;
    expect(await run(['withdraw', '--to', elsewhere], 'provider')).toMatchObject({ bond: '0.0' });
    expect(await token.balanceOf(elsewhere)).toBe(194_500_000n);
  });

  it('says what is wrong before anything is sent', async () => {
    await expect(run(['post', 'much'], 'provider')).rejects.toThrow('not an amount');
    await expect(run(['post', '0.0000001'], 'provider')).rejects.toThrow('not an amount');
    expect(() => toUnits({ decimals: 18, unit: 10n ** 12n }, '0.0000001')).toThrow('finer than the smallest unit, 0.000001');
    expect(() => toUnits({ decimals: 6, unit: 1n }, '-1')).toThrow('below zero');
    expect(toUnits({ decimals: 18, unit: 10n ** 12n }, '1.5')).toBe(1_500_000n);
    await expect(bondCommand().parseAsync(['node', 'bond', 'show', addressOf('court'), '--rpc', anvil.rpcUrl, '--bonds', addressOf('court')])).rejects.toThrow('there is no contract');
    await expect(bondCommand().parseAsync(['node', 'bond', 'show', addressOf('court'), '--rpc', anvil.rpcUrl])).rejects.toThrow('no contract is named');
  });
});
