import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connect, credsAuthenticator } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { Wallet } from 'ethers';
import { z } from 'zod';
import { connect as connectChain, deployEscrow, deployTestDollar, depositTestDollars, Escrow, escrowCalls, listHash, packList, sendCall, signStatement } from '#chain';
import { askChain } from '#local';
import { nodeExposureMessage, nodeStatementsReply, nodeStatementsRequest, nodeSubjects } from '#protocol';
import type { statementFile } from '#protocol';
import { anvilKeys, startAnvil, testNats } from '#testing';
import type { TestNats } from '#testing';
import { askedAt } from './delegate-check.js';
import { keptPerPayer } from './kept-statements.js';
import { StatementKeeper } from './statement-keeper.js';

const node = '0198c0de-0000-7000-8000-00000000000a';
const escrow = '0x5FbDB2315678afecb367f032d93F642f64180aa3';
const payers = [new Wallet(anvilKeys[1]), Wallet.createRandom()] as const;
const [hot, stranger] = [Wallet.createRandom(), Wallet.createRandom()];
const payee = Wallet.createRandom().address;

function signed(payer: Pick<Wallet, 'address' | 'privateKey'>, epoch: number, key = payer.privateKey, at = escrow): z.output<typeof statementFile> {
  const list = packList([{ index: 0, cumulative: BigInt(epoch) }]);
  const statement = { payer: payer.address, epoch: BigInt(epoch), listHash: listHash(list), cumulativeTotal: BigInt(epoch), registryHash: `0x${'cd'.repeat(32)}`, auditRoot: `0x${'ab'.repeat(32)}`, auditSize: 7n, validUntil: 4_000_000_000n };
  return { format: 'mizan-statement/1', chainId: 31_337, escrow: at, statement, list, signature: signStatement(statement, { chainId: 31_337n, escrow: at }, key), payees: [{ address: payee, cumulativeUnits: BigInt(epoch) }] };
}

describe('a machine', () => {
  let nats: TestNats;
  let server: NatsConnection;
  let connection: NatsConnection;
  let home: string;
  let keeper: StatementKeeper;
  let warned: string[];
  /** What has been signed for it, by number. */
  let files: Map<number, z.output<typeof statementFile>>;
  let voided: number[];

  beforeAll(async () => {
    nats = await testNats({ bare: true });
    const creds = await nats.credentialsWith('settlement', { publish: ['node.*.down.>'], subscribe: ['node.*.up.statements'], responses: true });
    server = await connect({ servers: nats.url, authenticator: credsAuthenticator(Buffer.from(creds)) });
    connection = await connect({ servers: nats.url, authenticator: credsAuthenticator(Buffer.from(await nats.nodeCredentials(node))), inboxPrefix: nodeSubjects.inboxPrefix(node) });
    server.subscribe(nodeSubjects.statementsAsked, {
      callback: (_error, message) => {
        const { after } = nodeStatementsRequest.parse(message.json());
        const number = [...files.keys()].sort((a, b) => a - b).find((each) => each > after);
        message.respond(JSON.stringify(z.encode(nodeStatementsReply, { v: 1, ...(number === undefined ? { statement: null, voided } : { statement: { number, file: files.get(number)! } }) })));
      },
    });
  });
  afterAll(async () => {
    await Promise.all([server.close(), connection.close()]);
    await nats.stop();
  });

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'node-'));
    files = new Map();
    voided = [];
    warned = [];
    keeper = new StatementKeeper(connection, node, home, (message) => warned.push(message));
  });
  afterEach(async () => {
    await keeper.stop();
    rmSync(home, { recursive: true });
  });

  const numbers = (): number[] => readdirSync(join(home, 'statements')).filter((name) => name.endsWith('.json')).map((name) => Number(name.split('-')[0])).sort((a, b) => a - b);
  const soon = async (condition: () => boolean): Promise<void> => {
    for (let tries = 0; tries < 2_000 && !condition(); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(condition()).toBe(true);
  };
  const notice = (): void => server.publish(nodeSubjects.statementSigned(node), '{}');

  it('fetches what was signed while it was away, hears of what is signed later, and keeps both as files that stand alone', async () => {
    files.set(3, signed(payers[0], 1));
    keeper.ask();
    await soon(() => numbers().length === 1);
    files.set(7, signed(payers[1], 1));
    // Numbers given out at the same time may appear in any order.
    files.set(2, signed(payers[0], 2));
    notice();
    await soon(() => numbers().length === 3);
    expect(numbers()).toEqual([2, 3, 7]);
    const text = readFileSync(join(home, 'statements', `000000000007-${payers[1].address}.json`), 'utf8');
    expect(JSON.parse(text)).toMatchObject({ format: 'mizan-statement/1', escrow, statement: { payer: payers[1].address, cumulativeTotal: '1' } });
  });

  it('keeps none that the payer did not sign, and the newest of each payer', async () => {
    files.set(1, signed(payers[0], 1, payers[1].privateKey));
    files.set(2, { ...signed(payers[0], 2), list: packList([{ index: 0, cumulative: 9n }]) });
    files.set(3, signed(payers[1], 1));
    for (let number = 4; number < 4 + keptPerPayer + 3; number++) files.set(number, signed(payers[0], number));
    keeper.ask();
    await soon(() => numbers().at(-1) === 6 + keptPerPayer && numbers().length === keptPerPayer + 1);
    expect(numbers()).toEqual([3, ...Array.from({ length: keptPerPayer }, (_, at) => 7 + at)]);
    expect(warned).toEqual([`statement 1 is not signed by ${payers[0].address}: it is not kept`, 'statement 2 has another list than was signed: it is not kept']);
  });

  it('keeps what a delegate of the payer signed, asks the chain whether it is one, and keeps no stranger’s', async () => {
    const anvil = await startAnvil();
    const provider = connectChain(anvil.rpcUrl, 31_337n);
    const asking = new StatementKeeper(connection, node, home, (message) => warned.push(message), askedAt(anvil.rpcUrl));
    try {
      const payer = payers[0].connect(provider);
      const token = await deployTestDollar(payer);
      const real = await deployEscrow(payer, { token, unit: 1n, thawSeconds: 60n });
      await sendCall(payer, real, escrowCalls.addDelegate(hot.address));
      const by = ({ address, privateKey }: Pick<Wallet, 'address' | 'privateKey'>, epoch: number): z.output<typeof statementFile> => ({ ...signed(payers[0], epoch, privateKey, real), signer: address });
      files.set(1, by(hot, 1));
      files.set(2, by(stranger, 2));
      files.set(3, { ...by(hot, 3), signer: stranger.address });
      files.set(4, by(hot, 4));
      asking.ask();
      await soon(() => numbers().length === 2);
      expect(numbers()).toEqual([1, 4]);
      expect(warned).toEqual([`statement 2 is signed by ${stranger.address}, who is no delegate of ${payers[0].address} on chain: it is not kept`, `statement 3 is not signed by ${payers[0].address}: it is not kept`]);
      expect(JSON.parse(readFileSync(join(home, 'statements', `000000000001-${payers[0].address}.json`), 'utf8'))).toMatchObject({ signer: hot.address, statement: { payer: payers[0].address } });
      // Revoked, and what it signed before can land no more.
      await sendCall(payer, real, escrowCalls.revokeDelegate(hot.address));
      await askChain(anvil.rpcUrl, 'evm_increaseTime', [61]);
      await askChain(anvil.rpcUrl, 'anvil_mine', ['0x1']);
      files.set(5, by(hot, 5));
      asking.ask();
      await soon(() => warned.length === 3 || numbers().length > 2);
      expect(warned[2]).toContain('no delegate');
      // It is given again at each look, and said once; what landed in time was a delegate's.
      await sendCall(payer, real, escrowCalls.register(payee));
      const { hash } = await new Escrow(real, provider).registry();
      await depositTestDollars(payer, real, 9n);
      const owned = by(payers[0], 6);
      const landed = { ...owned, statement: { ...owned.statement, registryHash: hash } };
      await sendCall(payer, real, escrowCalls.settle(landed.statement, landed.list, signStatement(landed.statement, { chainId: 31_337n, escrow: real }, payers[0].privateKey)));
      files.set(6, by(hot, 6));
      files.set(7, by(hot, 7));
      asking.ask();
      await soon(() => warned.length === 4);
      expect(numbers()).toEqual([1, 4, 5, 6]);
      expect(warned[3]).toMatch(/^statement 7 .* any more, and has not landed: it is not kept$/);
    } finally {
      await asking.stop();
      provider.destroy();
      await anvil.stop();
    }
  });

  it('keeps what nobody has vouched for apart: it displaces nothing, goes when the chain is another, and is asked about again', async () => {
    let verdict: 'silent' | 'genuine' | 'refused' = 'silent';
    const answers = { silent: { kind: 'unverified', why: 'is not known', isSilent: true }, genuine: { kind: 'genuine' }, refused: { kind: 'refused', why: 'is for another chain' } } as const;
    const asking = new StatementKeeper(connection, node, home, (message) => warned.push(message), () => Promise.resolve(answers[verdict]));
    const names = (): string[] => readdirSync(join(home, 'statements')).filter((name) => name.endsWith('.json')).sort().map((name) => `${Number(name.slice(0, 12))}${name.includes('.unverified.') ? '?' : ''}`);
    const by = (epoch: number, at = escrow): z.output<typeof statementFile> => ({ ...signed(payers[0], epoch, stranger.privateKey, at), signer: stranger.address });
    try {
      files.set(1, signed(payers[0], 1));
      for (let number = 2; number < 2 + keptPerPayer + 3; number++) files.set(number, by(number));
      asking.ask();
      const newest = Array.from({ length: keptPerPayer }, (_, at) => 5 + at);
      await soon(() => names().length === 1 + keptPerPayer && names().includes('20?'));
      expect(names()).toEqual(['1', ...newest.map((number) => `${number}?`)]);
      // Of a contract that is not the payer's, the chain has nothing to say.
      verdict = 'genuine';
      files.set(30, by(30, stranger.address));
      asking.ask();
      await soon(() => warned.some((message) => message.startsWith('statement 30 ') && message.includes(`and ${payers[0].address} pays from ${escrow} of chain 31337`)));
      await soon(() => names().includes('30?') && names().filter((name) => !name.endsWith('?')).length === keptPerPayer);
      expect(names()).toEqual([...newest.map(String), '30?']);
      verdict = 'refused';
      files.set(31, by(31));
      asking.ask();
      await soon(() => warned.some((message) => message === 'statement 31 is for another chain: it is not kept'));
      expect(names()).toEqual([...newest.map(String), '30?']);
    } finally {
      await asking.stop();
    }
    const pinned = new StatementKeeper(connection, node, home, (message) => warned.push(message), () => Promise.resolve(answers.genuine), stranger.address.toLowerCase());
    pinned.ask();
    await soon(() => names().includes('30'));
    await soon(() => warned.includes(`statement 31 is signed by ${stranger.address} for escrow ${escrow}, and this machine is paid from ${stranger.address.toLowerCase()}: it is not kept`));
    await pinned.stop();
  });

  it('asks no endpoint of another chain, and says of one that is down that it is asked again', async () => {
    const anvil = await startAnvil();
    const file = { ...signed(payers[0], 1, hot.privateKey), signer: hot.address };
    try {
      expect(await askedAt(anvil.rpcUrl)({ ...file, chainId: 5 }, hot.address)).toEqual({ kind: 'refused', why: 'is for chain 5, and --rpc is an endpoint of chain 31337' });
    } finally {
      await anvil.stop();
    }
    expect(await askedAt(anvil.rpcUrl)(file, hot.address)).toEqual({ kind: 'unverified', isSilent: true, why: `is signed by ${hot.address} as a delegate of ${payers[0].address}: the chain has not said whether it is one, and is asked again` });
  });

  it('keeps it without an endpoint of the chain too, and says that nobody asked', async () => {
    files.set(1, { ...signed(payers[0], 1, hot.privateKey), signer: hot.address });
    keeper.ask();
    await soon(() => numbers().length === 1);
    expect(warned).toEqual([`statement 1 is signed by ${hot.address} as a delegate of ${payers[0].address}: nobody has asked the chain whether it is one (--rpc)`]);
  });

  it('notes beside a file that it can land no more, once, and keeps it', async () => {
    files.set(1, signed(payers[0], 1));
    files.set(2, signed(payers[0], 2));
    voided = [9, 1];
    keeper.ask();
    await soon(() => warned.length > 0);
    notice();
    files.set(3, signed(payers[0], 3));
    await soon(() => numbers().length === 3);
    expect(readdirSync(join(home, 'statements')).filter((name) => name.endsWith('.void'))).toEqual([`000000000001-${payers[0].address}.void`]);
    expect(warned).toEqual([`statement 1 can land no more: an empty one took its epoch, and what it was to pay is owed again by ${payers[0].address}`]);
  });

  it('keeps what it risks with each payer, and warns when a deposit does not cover it', async () => {
    const risk = { payer: payers[0].address, chainId: 31_337, escrow, availableUnits: 5n, thawingUnits: 3n, thawEndsAtMs: 1_800_000_000_000, finalBlock: 9, nanosPerUnit: 1_000n, unsettledNanos: 2_001n, allUnsettledNanos: 2_001n, covered: false, atMs: 1_700_000_000_000 };
    server.publish(nodeSubjects.exposure(node), JSON.stringify(z.encode(nodeExposureMessage, { v: 1, data: [risk] })));
    await soon(() => warned.length > 0);
    expect(JSON.parse(readFileSync(join(home, 'exposure.json'), 'utf8'))).toMatchObject([{ payer: payers[0].address, thawingUnits: '3', covered: false }]);
    expect(warned[0]).toContain(payers[0].address);
  });
});
