import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connect, credsAuthenticator } from '@nats-io/transport-node';
import type { NatsConnection } from '@nats-io/transport-node';
import { Wallet } from 'ethers';
import { z } from 'zod';
import { listHash, packList, signStatement } from '#chain';
import { nodeExposureMessage, nodeStatementsReply, nodeStatementsRequest, nodeSubjects } from '#protocol';
import type { statementFile } from '#protocol';
import { testNats } from '#testing';
import type { TestNats } from '#testing';
import { keptPerPayer, StatementKeeper } from './statement-keeper.js';

const node = '0198c0de-0000-7000-8000-00000000000a';
const escrow = '0x5FbDB2315678afecb367f032d93F642f64180aa3';
const payers = [Wallet.createRandom(), Wallet.createRandom()] as const;
const payee = Wallet.createRandom().address;

function signed(payer: Pick<Wallet, 'address' | 'privateKey'>, epoch: number, key = payer.privateKey): z.output<typeof statementFile> {
  const list = packList([{ index: 0, cumulative: BigInt(epoch) }]);
  const statement = { payer: payer.address, epoch: BigInt(epoch), listHash: listHash(list), cumulativeTotal: BigInt(epoch), registryHash: `0x${'cd'.repeat(32)}`, auditRoot: `0x${'ab'.repeat(32)}`, auditSize: 7n, validUntil: 4_000_000_000n };
  return { format: 'mizan-statement/1', chainId: 31_337, escrow, statement, list, signature: signStatement(statement, { chainId: 31_337n, escrow }, key), payees: [{ address: payee, cumulativeUnits: BigInt(epoch) }] };
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

  beforeAll(async () => {
    nats = await testNats({ bare: true });
    const creds = await nats.credentialsWith('settlement', { publish: ['node.*.down.>'], subscribe: ['node.*.up.statements'], responses: true });
    server = await connect({ servers: nats.url, authenticator: credsAuthenticator(Buffer.from(creds)) });
    connection = await connect({ servers: nats.url, authenticator: credsAuthenticator(Buffer.from(await nats.nodeCredentials(node))), inboxPrefix: nodeSubjects.inboxPrefix(node) });
    server.subscribe(nodeSubjects.statementsAsked, {
      callback: (_error, message) => {
        const { after } = nodeStatementsRequest.parse(message.json());
        const number = [...files.keys()].sort((a, b) => a - b).find((each) => each > after);
        message.respond(JSON.stringify(z.encode(nodeStatementsReply, { v: 1, statement: number === undefined ? null : { number, file: files.get(number)! } })));
      },
    });
  }, 60_000);
  afterAll(async () => {
    await Promise.all([server.close(), connection.close()]);
    await nats.stop();
  });

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'node-'));
    files = new Map();
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
    expect(warned).toEqual([1, 2].map((number) => `statement ${number} is not signed by ${payers[0].address}: it is not kept`));
  });

  it('keeps what it risks with each payer, and warns when a deposit does not cover it', async () => {
    const risk = { payer: payers[0].address, chainId: 31_337, escrow, availableUnits: 5n, thawingUnits: 3n, thawEndsAtMs: 1_800_000_000_000, finalBlock: 9, nanosPerUnit: 1_000n, unsettledNanos: 2_001n, allUnsettledNanos: 2_001n, covered: false, atMs: 1_700_000_000_000 };
    server.publish(nodeSubjects.exposure(node), JSON.stringify(z.encode(nodeExposureMessage, { v: 1, data: [risk] })));
    await soon(() => warned.length > 0);
    expect(JSON.parse(readFileSync(join(home, 'exposure.json'), 'utf8'))).toMatchObject([{ payer: payers[0].address, thawingUnits: '3', covered: false }]);
    expect(warned[0]).toContain(payers[0].address);
  });
});
