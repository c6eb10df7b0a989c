import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AbiCoder, keccak256, toUtf8Bytes, Wallet } from 'ethers';
import { bondsBytecode, Bonds, connect, deployTestDollar, Escrow } from '#chain';
import type { DeploymentRecord } from '#protocol';
import { askChain } from '#local';
import { anvilKeys, startAnvil } from '#testing';
import type { Anvil } from '#testing';
import { chainCommand } from '../chain-command.js';

const day = 86_400n;

describe('mizan chain deploy', () => {
  let directory: string;
  let local: Anvil;
  let base: Anvil;
  const out = (name: string): string => join(directory, `${name}.json`);
  const read = (name: string): DeploymentRecord => JSON.parse(readFileSync(out(name), 'utf8')) as DeploymentRecord;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'mizan-chain-'));
    [local, base] = await Promise.all([startAnvil(), startAnvil({ chainId: 8453n })]);
    writeFileSync(join(directory, 'key'), anvilKeys[4]);
  });

  afterAll(async () => {
    await Promise.all([local.stop(), base.stop()]);
    rmSync(directory, { recursive: true, force: true });
  });

  /** Runs a command as the command line does; what it printed. */
  async function run(...words: string[]): Promise<Record<string, unknown>> {
    const lines: string[] = [];
    const log = jest.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
    try {
      await chainCommand().exitOverride().parseAsync(['node', 'chain', ...words, '--json']);
    } finally {
      log.mockRestore();
    }
    return JSON.parse(lines.join('\n')) as Record<string, unknown>;
  }

  const deploy = (chain: string, { rpcUrl }: Anvil, name: string, ...more: string[]): Promise<Record<string, unknown>> =>
    run('deploy', '--chain', chain, '--rpc', rpcUrl, '--key-file', join(directory, 'key'), '--out', out(name), ...more);

  it('puts test money, escrow and bonds on a local chain, and records where, with which parameters and from which sources', async () => {
    const record = (await deploy('local', local, 'local', '--thaw-days', '1')) as unknown as DeploymentRecord;
    expect(record).toEqual(read('local'));
    expect(record).toMatchObject({ format: 'mizan-deployment/1', chain: 'local', chainId: 31_337, complete: true, unit: '1', token: { decimals: 6, symbol: 'tUSD', test: true, authorisations: true } });
    const provider = connect(local.rpcUrl, 31_337n);
    const { MizanEscrow: escrow, MizanBonds: bonds } = record.contracts;
    expect(await new Escrow(escrow!.address, provider).constants()).toEqual({ token: record.token.address, unit: 1n, thawSeconds: day });
    expect(await new Bonds(bonds!.address, provider).constants()).toEqual({ token: record.token.address, unit: 1n, thawSeconds: 30n * day, answerSeconds: 3n * day, rulingSeconds: 7n * day });
    expect(bonds).toMatchObject({ parameters: { thawSeconds: '2592000' }, creationHash: keccak256(bondsBytecode), runtimeHash: keccak256(await provider.getCode(bonds!.address)) });
    expect(AbiCoder.defaultAbiCoder().decode(['address', 'uint256', 'uint64'], escrow!.parameterBytes)).toEqual([record.token.address, 1n, day]);
    expect((await provider.getTransactionReceipt(escrow!.tx!))).toMatchObject({ contractAddress: escrow!.address, blockNumber: escrow!.block });
    provider.destroy();
    for (const { standardInput } of Object.values(record.contracts)) {
      const input = readFileSync(join(directory, standardInput.file), 'utf8');
      expect(keccak256(toUtf8Bytes(input))).toBe(standardInput.hash);
      expect((JSON.parse(input) as { settings: unknown }).settings).toEqual(record.compiler.settings);
    }
  });

  it('is verified later by anybody, and something else in its place is seen', async () => {
    expect(await run('verify', out('local'), '--rpc', local.rpcUrl)).toMatchObject({ chain: 'local', MizanEscrow: expect.stringContaining('is this build') });
    const record = read('local');
    const { MizanEscrow: escrow, MizanBonds: bonds } = record.contracts;
    writeFileSync(out('swapped'), JSON.stringify({ ...record, contracts: { MizanEscrow: bonds, MizanBonds: escrow } }));
    await expect(run('verify', out('swapped'), '--rpc', local.rpcUrl)).rejects.toThrow("is not this build's MizanEscrow");
    const code = await askChain<string>(local.rpcUrl, 'eth_getCode', [escrow!.address, 'latest']);
    await askChain(local.rpcUrl, 'anvil_setCode', [escrow!.address, code.replace(/5b/, '5c')]);
    await expect(run('verify', out('local'), '--rpc', local.rpcUrl)).rejects.toThrow("is not this build's MizanEscrow");
    await askChain(local.rpcUrl, 'anvil_setCode', [escrow!.address, code]);
    await expect(run('verify', out('local'), '--rpc', base.rpcUrl)).rejects.toThrow('is chain 8453 and not 31337');
  });

  it('never deploys twice in silence, and keeps the old record when told to', async () => {
    const before = read('local');
    await expect(deploy('local', local, 'local')).rejects.toThrow('has its contracts already');
    expect(read('local')).toEqual(before);
    const again = (await deploy('local', local, 'local', '--again')) as unknown as DeploymentRecord;
    expect(again.contracts['MizanEscrow']!.address).not.toBe(before.contracts['MizanEscrow']!.address);
    expect(read(`local.${before.contracts['MizanEscrow']!.address.toLowerCase()}`)).toEqual(before);
  });

  it('goes on where a run was cut off, with no contract made twice', async () => {
    const record = (await deploy('local', local, 'cut')) as unknown as DeploymentRecord;
    const { MizanBonds: bonds, ...rest } = record.contracts;
    // As it is when the process dies after the bonds' transaction was sent and before it was seen mined.
    writeFileSync(out('cut'), JSON.stringify({ ...record, complete: false, contracts: { ...rest, MizanBonds: { ...bonds!, tx: null, block: null, runtimeHash: null } } }));
    const height = await askChain(local.rpcUrl, 'eth_blockNumber');
    await expect(deploy('local', local, 'cut', '--thaw-days', '2')).rejects.toThrow('go on with the options it was begun with');
    const finished = (await deploy('local', local, 'cut')) as unknown as DeploymentRecord;
    expect(finished.complete).toBe(true);
    expect(finished.contracts['MizanBonds']).toMatchObject({ address: bonds!.address, runtimeHash: bonds!.runtimeHash });
    expect(await askChain(local.rpcUrl, 'eth_blockNumber')).toBe(height);
  });

  it('wants a token by name on a chain where money has value, and compares it with the table', async () => {
    await expect(deploy('base', base, 'base')).rejects.toThrow('name the token');
    await expect(deploy('base', base, 'base', '--token', 'EURC')).rejects.toThrow('known: USDC');
    await expect(deploy('base', base, 'base', '--token', 'USDC')).rejects.toThrow('no contract');
    expect(existsSync(out('base'))).toBe(false);
    const usdc = '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913';
    const provider = connect(base.rpcUrl, 8453n);
    const stand = await deployTestDollar(new Wallet(anvilKeys[4], provider));
    await askChain(base.rpcUrl, 'anvil_setCode', [usdc, await provider.getCode(stand)]);
    provider.destroy();
    const record = (await deploy('8453', base, 'base', '--token', 'usdc')) as unknown as DeploymentRecord;
    expect(record).toMatchObject({ chain: 'base', chainId: 8453, complete: true, token: { address: usdc, symbol: 'USDC', test: false } });
    expect(Object.keys(record.contracts)).toEqual(['MizanEscrow', 'MizanBonds']);
  });

  it('refuses an endpoint of another chain, an unknown chain, the record of another chain and a file that is none', async () => {
    await expect(deploy('base', local, 'other', '--token', 'USDC')).rejects.toMatchObject({ code: 'CHAIN_REJECTED', message: expect.stringContaining('is chain 31337 and not 8453') });
    await expect(deploy('solana', local, 'other')).rejects.toThrow('no chain solana in the table');
    await expect(deploy('local', local, 'base')).rejects.toThrow('is the record of base');
    writeFileSync(out('junk'), '{"format":"x"}');
    await expect(deploy('local', local, 'junk')).rejects.toThrow('is not a deployment record: format');
    expect(readdirSync(directory)).not.toContain('other.json');
  });

  it('lists the chains it knows', async () => {
    const { data } = (await run('list')) as { data: Record<string, unknown>[] };
    expect(data.map(({ name }) => name)).toEqual(expect.arrayContaining(['ethereum', 'base', 'arbitrum', 'polygon', 'world-chain', 'aurora', 'aioz', 'bittensor', 'local']));
  });
});
