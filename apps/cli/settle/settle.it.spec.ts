import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Wallet } from 'ethers';
import { z } from 'zod';
import { connect, deployEscrow, deployTestDollar, depositTestDollars, Escrow, escrowCalls, listHash, packList, sendCall, signStatement, Token } from '#chain';
import { statementFile } from '#protocol';
import type { StatementFile } from '#protocol';
import { askChain } from '#local';
import { anvilKeys, mine, startAnvil } from '#testing';
import type { Anvil } from '#testing';
import { delegateCommand } from '../delegate-command.js';
import { settleCommand } from '../settle-command.js';
import { openSession, readStatementFile } from './settle-session.js';

const thawSeconds = 3_600n;

/** Nothing runs but a chain: no service, no database, no bus. */
describe('a statement file with nothing but an RPC endpoint', () => {
  let directory: string;
  let anvil: Anvil;
  let payer: Wallet;
  let payee: Wallet;
  let stranger: Wallet;
  let escrow: Escrow;
  let token: Token;
  let path: string;
  let file: StatementFile;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'mizan-settle-'));
    anvil = await startAnvil();
    const provider = connect(anvil.rpcUrl, 31_337n);
    [payer, payee, stranger] = [1, 2, 3].map((at) => new Wallet(anvilKeys[at]!, provider)) as [Wallet, Wallet, Wallet];
    token = new Token(await deployTestDollar(payer), provider);
    escrow = new Escrow(await deployEscrow(payer, { token: token.address, unit: 1n, thawSeconds }), provider);
    await depositTestDollars(payer, escrow.address, 1_000n);
    await sendCall(stranger, escrow.address, escrowCalls.register(payee.address));
    path = join(directory, 'statement.json');
    file = await fileOver(300n, 1n);
    writeFileSync(path, JSON.stringify(z.encode(statementFile, file)));
    for (const [name, key] of [['payer', anvilKeys[1]], ['payee', anvilKeys[2]], ['stranger', anvilKeys[3]]]) writeFileSync(join(directory, name!), `${key}\n`);
  });

  afterAll(async () => {
    payer.provider?.destroy();
    await anvil.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function fileOver(cumulative: bigint, epoch: bigint): Promise<StatementFile> {
    const list = packList([{ index: 0, cumulative }]);
    const { hash } = await escrow.registry();
    const statement = { payer: payer.address, epoch, listHash: listHash(list), cumulativeTotal: cumulative, registryHash: hash, auditRoot: `0x${'ab'.repeat(32)}`, auditSize: 7n, validUntil: 4_000_000_000n };
    const signature = signStatement(statement, { chainId: 31_337n, escrow: escrow.address }, anvilKeys[1]);
    return { format: 'mizan-statement/1', chainId: 31_337, escrow: escrow.address, statement, list, signature, payees: [{ address: payee.address, cumulativeUnits: cumulative }] };
  }

  /** Runs the command as the command line does; what it printed. */
  const run = (name: string, who: string, ...more: string[]): Promise<Record<string, unknown>> =>
    printed(() => settleCommand().exitOverride().parseAsync(['node', 'settle', name, path, '--rpc', anvil.rpcUrl, '--key-file', join(directory, who), '--json', ...more]));

  async function printed(command: () => Promise<unknown>): Promise<Record<string, unknown>> {
    const lines: string[] = [];
    const log = jest.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
    try {
      await command();
    } finally {
      log.mockRestore();
    }
    return JSON.parse(lines.join('\n')) as Record<string, unknown>;
  }

  it('says what to do first when nothing is credited yet', async () => {
    await expect(run('withdraw', 'payee')).rejects.toThrow('submit the statement first');
    await expect(run('withdraw', 'stranger')).rejects.toThrow('no payee');
  });

  it('is put on chain by anybody, once', async () => {
    const first = await run('submit', 'stranger');
    expect(first).toMatchObject({ payer: payer.address, signer: payer.address, epoch: '1', sent: true, payees: 1 });
    expect(await escrow.credit(payer.address, 0)).toEqual({ cumulative: 300n, drawn: 0n });
    expect(await run('submit', 'stranger')).toMatchObject({ sent: false, tx: null });
  });

  it('lets its payee withdraw to where it says', async () => {
    const elsewhere = Wallet.createRandom().address;
    expect(await run('withdraw', 'payee', '--to', elsewhere)).toMatchObject({ payee: payee.address, index: 0, units: '300', to: elsewhere });
    expect(await token.balanceOf(elsewhere)).toBe(300n);
    await expect(run('withdraw', 'payee')).rejects.toThrow('not drawn');
  });

  it('lets its payer leave after the thaw, and a statement take what is left until then', async () => {
    expect(await run('exit', 'payer')).toMatchObject({ step: 'thawing', units: '700' });
    expect(await run('exit', 'payer')).toMatchObject({ step: 'waiting', units: '700' });
    const later = await fileOver(400n, 2n);
    await sendCall(stranger, escrow.address, escrowCalls.settle(later.statement, later.list, later.signature));
    await askChain(anvil.rpcUrl, 'evm_increaseTime', [Number(thawSeconds)]);
    await askChain(anvil.rpcUrl, 'anvil_mine', ['0x1']);
    expect(await run('exit', 'payer')).toMatchObject({ step: 'withdrawn', units: '600' });
    expect(await token.balanceOf(payer.address)).toBe(600n);
    expect(await run('exit', 'payer')).toMatchObject({ step: 'empty', units: '0' });
  });

  it('is not needed by a payer that leaves: the address of the escrow is enough', async () => {
    const leaver = new Wallet(Wallet.createRandom().privateKey, payer.provider);
    await askChain(anvil.rpcUrl, 'anvil_setBalance', [leaver.address, '0xde0b6b3a7640000']);
    await depositTestDollars(leaver, escrow.address, 50n);
    const keyFile = join(directory, 'leaver');
    writeFileSync(keyFile, leaver.privateKey);
    const leave = (...more: string[]): Promise<Record<string, unknown>> => printed(() => settleCommand().exitOverride().parseAsync(['node', 'settle', 'exit', '--rpc', anvil.rpcUrl, '--json', ...more]));
    const key = ['--key-file', keyFile];

    await expect(leave(...key)).rejects.toThrow('no contract is named: use --escrow, --record or MIZAN_ESCROW');
    await expect(leave('--escrow', stranger.address, ...key)).rejects.toThrow('there is no contract');
    await expect(leave('--escrow', token.address, ...key)).rejects.toThrow(`what stands at ${token.address} is no MizanEscrow`);
    await expect(leave('--escrow', 'here', ...key)).rejects.toThrow('"here" is not an address');
    await expect(leave('--escrow', escrow.address)).rejects.toThrow('no key is given');
    await expect(leave(path, '--escrow', token.address, ...key)).rejects.toThrow('name one');
    await expect(leave('--escrow', escrow.address, ...key, '--to', '0x12')).rejects.toThrow('"0x12" is not an address');
    expect(await leave('--escrow', escrow.address, '--key-file', join(directory, 'stranger'))).toMatchObject({ step: 'empty', next: expect.stringContaining('no deposit here') });
    expect(await escrow.payer(leaver.address)).toMatchObject({ available: 50n, thawing: 0n });

    expect(await leave('--escrow', escrow.address, '--calldata', leaver.address)).toMatchObject({
      step: 'thawing', units: '50', amount: '0.00005', call: { chainId: 31_337, from: leaver.address, to: escrow.address, value: '0', data: escrowCalls.thaw(50n) },
    });
    expect(await leave('--escrow', escrow.address, ...key)).toMatchObject({ step: 'thawing', units: '50', tx: expect.any(String), next: expect.stringContaining('run it again after') });
    expect(await leave('--escrow', escrow.address, '--calldata', leaver.address)).toMatchObject({ step: 'waiting', call: null });
    await askChain(anvil.rpcUrl, 'evm_increaseTime', [Number(thawSeconds)]);
    await askChain(anvil.rpcUrl, 'anvil_mine', ['0x1']);
    const { call } = (await leave('--escrow', escrow.address, '--calldata', leaver.address, '--to', stranger.address)) as { call: { to: string; data: string } };
    const before = await token.balanceOf(stranger.address);
    await sendCall(leaver, call.to, call.data);
    expect((await token.balanceOf(stranger.address)) - before).toBe(50n);
    expect(await leave('--escrow', escrow.address, ...key)).toMatchObject({ step: 'empty', units: '0' });
  });

  it('says who signed for its payer, and lands while that is a delegate and no longer', async () => {
    const hot = new Wallet(anvilKeys[4]);
    const orders = async (name: string, ...values: string[]): Promise<Record<string, unknown>> =>
      printed(() => delegateCommand().exitOverride().parseAsync(['node', 'delegate', name, ...values, '--rpc', anvil.rpcUrl, '--escrow', escrow.address, '--json', ...(name === 'show' ? [] : ['--key-file', join(directory, 'payer')])]));
    const later = await fileOver(420n, 3n);
    const delegated: StatementFile = { ...later, signature: signStatement(later.statement, { chainId: 31_337n, escrow: escrow.address }, hot.privateKey), signer: hot.address };
    const put = (given: StatementFile): void => writeFileSync(path, JSON.stringify(z.encode(statementFile, given)));
    put({ ...delegated, signer: stranger.address });
    await expect(run('submit', 'stranger')).rejects.toThrow(`${stranger.address} signed for ${payer.address}, and the signature is not its`);
    put(delegated);
    await expect(run('submit', 'stranger')).rejects.toThrow('has not made a delegate');
    // Without a deposit all of it holds at once.
    expect(await orders('add', hot.address)).toMatchObject({ delegate: hot.address, standing: 'live', cap: '0.0' });
    expect(await orders('limits', '0.00002', '60')).toMatchObject({ cap: '0.00002', secondsApart: 60, next: null });
    await expect(orders('allow', Wallet.createRandom().address)).rejects.toThrow('not registered');
    const late = Wallet.createRandom().address;
    await sendCall(stranger, escrow.address, escrowCalls.register(late));
    await expect(orders('allow', late)).rejects.toThrow('not final yet');
    await mine(anvil.rpcUrl);
    expect(await orders('allow', payee.address)).toMatchObject({ txs: [expect.any(String)], payees: [{ payee: payee.address, index: 0, allowed: true }] });
    expect(await orders('allow', payee.address)).toMatchObject({ txs: [], payees: [{ allowed: true }] });
    await depositTestDollars(payer, escrow.address, 100n);
    const signedBy = async (key: string, cumulative: bigint, epoch: bigint): Promise<StatementFile> => {
      const { statement, ...rest } = await fileOver(cumulative, epoch);
      return { ...rest, statement, signature: signStatement(statement, { chainId: 31_337n, escrow: escrow.address }, key), ...(key === hot.privateKey && { signer: hot.address }) };
    };
    const refusedWith = async (given: StatementFile): Promise<{ revert: unknown; message: string }> => {
      put(given);
      const error = (await run('submit', 'stranger').catch((caught: unknown) => caught)) as { details: { revert: unknown }; message: string };
      return { revert: error.details.revert, message: error.message };
    };
    expect(await refusedWith(await signedBy(hot.privateKey, 421n, 3n))).toEqual({ revert: 'EpochCapExceeded', message: expect.stringMatching(/EpochCapExceeded\(20, 21\): .*mizan delegate limits/) });
    expect(await refusedWith(await signedBy(anvilKeys[1], 401n, 1n))).toEqual({ revert: 'EpochStale', message: expect.stringContaining('fetch the newest one') });
    put(delegated);
    expect(await run('submit', 'stranger')).toMatchObject({ sent: true, signer: hot.address, payer: payer.address });
    expect(await refusedWith(await signedBy(hot.privateKey, 421n, 4n))).toEqual({ revert: 'IntervalNotOver', message: expect.stringContaining('submit it again when') });
    expect(await escrow.credit(payer.address, 0)).toMatchObject({ cumulative: 420n });
    expect(await orders('limits', '0.5', '30')).toMatchObject({ cap: '0.00002', secondsApart: 60, next: { cap: '0.5', secondsApart: 30 } });
    expect(await orders('drop', payee.address)).toMatchObject({ payees: [{ allowed: false }] });
    expect(await orders('drop', payee.address, late)).toMatchObject({ txs: [], payees: [{ allowed: false }, { allowed: false }] });
    const announced = await orders('allow', payee.address);
    expect(announced).toMatchObject({ txs: [expect.any(String)], payees: [{ allowed: false, admissibleFrom: expect.any(String) }] });
    expect(announced['restarted']).toBeUndefined();
    expect(await orders('allow', payee.address)).toMatchObject({ txs: [], payees: announced['payees'] });
    expect(await orders('allow', late)).toMatchObject({ restarted: expect.stringMatching(/begins again: 0$/) });
    await expect(orders('admit', payer.address, payee.address)).rejects.toMatchObject({ code: 'CHAIN_REJECTED', message: expect.stringContaining('NotYet') });
    expect(await orders('revoke', hot.address)).toMatchObject({ standing: 'revoked', note: expect.stringContaining('limits 0') });
    await askChain(anvil.rpcUrl, 'evm_increaseTime', [Number(thawSeconds) + 1]);
    await askChain(anvil.rpcUrl, 'anvil_mine', ['0x1']);
    expect(await orders('admit', payer.address, payee.address)).toMatchObject({ payees: [{ allowed: true, admissibleFrom: null }] });
    expect(await orders('show', payer.address, hot.address, payee.address)).toMatchObject({ standing: 'ended', cap: '0.5', payees: [{ index: 0, allowed: true }] });
    const after = await fileOver(430n, 4n);
    put({ ...after, signature: signStatement(after.statement, { chainId: 31_337n, escrow: escrow.address }, hot.privateKey), signer: hot.address });
    await expect(run('submit', 'stranger')).rejects.toThrow('has revoked');
    put(file);
  });

  it('is refused by name when the escrow refuses it', async () => {
    const forged = { ...(await fileOver(500n, 5n)), signature: file.signature };
    writeFileSync(path, JSON.stringify(z.encode(statementFile, forged)));
    await expect(run('submit', 'stranger')).rejects.toMatchObject({ code: 'CHAIN_REJECTED', details: { revert: 'SignatureWrong' }, message: expect.stringContaining('neither the payer nor a delegate') });
    writeFileSync(path, JSON.stringify(z.encode(statementFile, file)));
  });

  it('is refused before anything is sent when it is not what was signed, for another chain, or without a key', async () => {
    expect(() => readStatementFile('{')).toThrow('not JSON');
    expect(() => readStatementFile('{"format":"other"}')).toThrow('not a statement file');
    const wire = z.encode(statementFile, file);
    expect(() => readStatementFile(JSON.stringify({ ...wire, list: packList([{ index: 0, cumulative: 301n }]) }))).toThrow('not the one that was signed');
    writeFileSync(join(directory, 'other.json'), JSON.stringify({ ...wire, chainId: 5 }));
    await expect(openSession(join(directory, 'other.json'), { rpc: anvil.rpcUrl, key: anvilKeys[3] })).rejects.toThrow('is chain 31337');
    writeFileSync(join(directory, 'nowhere.json'), JSON.stringify({ ...wire, escrow: stranger.address }));
    await expect(openSession(join(directory, 'nowhere.json'), { rpc: anvil.rpcUrl, key: anvilKeys[3] })).rejects.toThrow('no contract');
    await expect(openSession(path, { rpc: anvil.rpcUrl })).rejects.toThrow('no key');
    await expect(openSession(path, { rpc: anvil.rpcUrl, key: 'hello' })).rejects.toThrow('32 bytes');
  });
});
