import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Wallet } from 'ethers';
import { z } from 'zod';
import { connect, deployEscrow, deployTestDollar, depositTestDollars, Escrow, escrowCalls, listHash, packList, sendCall, signStatement, Token } from '#chain';
import { statementFile } from '#protocol';
import { askChain } from '#local';
import { anvilKeys, startAnvil } from '#testing';
import type { Anvil } from '#testing';
import { settleCommand } from '../settle-command.js';
import { openSession, readStatementFile } from './settle-session.js';
import type { StatementFile } from './settle-session.js';

jest.setTimeout(60_000);

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
  async function run(name: string, who: string, ...more: string[]): Promise<Record<string, unknown>> {
    const lines: string[] = [];
    const log = jest.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
    try {
      await settleCommand().exitOverride().parseAsync(['node', 'settle', name, path, '--rpc', anvil.rpcUrl, '--key-file', join(directory, who), '--json', ...more]);
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
    expect(first).toMatchObject({ payer: payer.address, epoch: '1', sent: true, payees: 1 });
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

  it('is refused by name when the escrow refuses it', async () => {
    const forged = { ...(await fileOver(500n, 3n)), signature: file.signature };
    writeFileSync(path, JSON.stringify(z.encode(statementFile, forged)));
    await expect(run('submit', 'stranger')).rejects.toMatchObject({ code: 'CHAIN_REJECTED' });
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
