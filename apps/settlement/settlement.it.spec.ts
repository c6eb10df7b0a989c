import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Wallet, ZeroAddress } from 'ethers';
import { askChain, withClient } from '#local';
import { z } from 'zod';
import { connect as connectNats, credsAuthenticator, headers } from '@nats-io/transport-node';
import { isDomainError, SystemClock, SystemIds } from '#kernel';
import type { DomainError } from '#kernel';
import { connect, deployEscrow, deployTestDollar, depositTestDollars, Escrow, escrowCalls, listHash, sendCall, Token, verifyStatement } from '#chain';
import { Bus, Caller, Publisher, Replicas } from '#messaging';
import { billingCalls, bodyMatchesEnvelope, closeCalls, exposureReplica, failure, governanceCalls, nodeExposureMessage, nodeStatementsReply, nodeSubjects, nonCustodyCalls, parseEnvelope, payeeProofText, recordCommit, schedulerEvents, settlementCalls, settlementEvents } from '#protocol';
import type { Call, ErrorCode, Event, LogRecord, PayloadOf, ReplyOf, RequestOf } from '#protocol';
import { migrate, runService } from '#service';
import type { RunningService } from '#service';
import { anvilKeys, createTestDatabase, keepMining, mine, startAnvil, testNats } from '#testing';
import type { Anvil, TestDatabase, TestNats } from '#testing';
import { settlement } from './settlement.service-definition.js';

const tenant = '0198c0de-0000-7000-8000-00000000000a';
const poor = '0198c0de-0000-7000-8000-00000000000b';
const ids = new SystemIds(new SystemClock());
const actor = { keyId: null, tenant: null };
const root = 'ab'.repeat(32);

type Owed = { payee: string; units: bigint };

/** Stands in for billing and governance on the bus, with the least of their behaviour, and hears what settlement tells them. */
class Books {
  draws = 0;
  excepted: readonly string[] | undefined;
  readonly deposits: PayloadOf<typeof settlementEvents.depositConfirmed>[] = [];
  readonly settled: PayloadOf<typeof settlementEvents.epochSettled>[] = [];
  readonly withdrawals: PayloadOf<typeof settlementEvents.withdrawalConfirmed>[] = [];
  readonly records: LogRecord[] = [];
  private readonly owed = new Map<string, Owed[]>();
  private readonly earned = new Map<string, Map<string, bigint>>();
  private readonly cumulative = new Map<string, bigint>();
  private readonly unsettled = new Map<string, ReplyOf<typeof billingCalls.drawPayables>>();

  constructor(private readonly bus: Bus) {
    this.serve(billingCalls.drawPayables, (request) => this.draw(request));
    this.serve(billingCalls.listPayables, ({ tenant }) => ({ data: [...(this.earned.get(tenant!) ?? [])].map(([payee, units]) => ({ tenant: tenant!, payee, earnedNanos: units * 1_000n, drawnNanos: 0n, heldNanos: 0n, owedNanos: this.owedUnits(tenant!, payee) * 1_000n })), hasMore: false }));
    this.serve(governanceCalls.checkpoint, () => ({ note: 'note', size: 7, root, logKey: 'key' }));
    this.hear(settlementEvents.depositConfirmed, (event) => this.deposits.push(event));
    this.hear(settlementEvents.withdrawalConfirmed, (event) => this.withdrawals.push(event));
    this.hear(settlementEvents.epochSettled, (event) => {
      this.settled.push(event);
      this.unsettled.delete(event.tenant);
    });
    bus.connection.subscribe('mizan.record.settlement', {
      callback: (_error, message) => void this.records.push(...recordCommit.parse(JSON.parse(message.string())).records),
    });
  }

  owe(tenant: string, payee: string, units: bigint): void {
    this.earn(tenant, payee, units);
    this.owed.set(tenant, [...(this.owed.get(tenant) ?? []), { payee, units }]);
  }

  /** Earned, and not due yet. */
  earn(tenant: string, payee: string, units: bigint): void {
    const earned = this.earned.get(tenant) ?? new Map<string, bigint>();
    this.earned.set(tenant, earned.set(payee.toLowerCase(), (earned.get(payee.toLowerCase()) ?? 0n) + units));
  }

  private owedUnits(tenant: string, payee: string): bigint {
    return (this.owed.get(tenant) ?? []).reduce((sum, owed) => sum + (owed.payee.toLowerCase() === payee ? owed.units : 0n), 0n);
  }

  private draw({ statement, tenant, except, payeesMax, rate, unitsMax = 0n }: RequestOf<typeof billingCalls.drawPayables>): ReplyOf<typeof billingCalls.drawPayables> {
    this.excepted = except;
    const open = this.unsettled.get(tenant);
    if (open) return open;
    const all = this.owed.get(tenant) ?? [];
    let left = unitsMax;
    const [owed, rest]: [Owed[], Owed[]] = [[], []];
    for (const each of all) {
      const units = owed.length === payeesMax ? 0n : each.units < left ? each.units : left;
      if (units > 0n) owed.push({ ...each, units });
      if (units < each.units) rest.push({ ...each, units: each.units - units });
      left -= units;
    }
    if (owed.length === 0) throw failure('NOTHING_DUE', 'nothing is due');
    this.draws += 1;
    this.owed.set(tenant, rest);
    const payees = owed.map(({ payee, units }) => ({ payee, units, cumulativeUnits: this.raise(`${tenant} ${payee}`, units) }));
    const totalUnits = owed.reduce((sum, { units }) => sum + units, 0n);
    const drawn = { statement, tenant, nanosPerUnit: 1_000n, payees, totalUnits, cumulativeTotalUnits: this.raise(tenant, totalUnits), rate };
    this.unsettled.set(tenant, drawn);
    return drawn;
  }

  private raise(account: string, units: bigint): bigint {
    const total = (this.cumulative.get(account) ?? 0n) + units;
    this.cumulative.set(account, total);
    return total;
  }

  private serve<C extends Call>(call: C, answer: (request: RequestOf<C>) => ReplyOf<C>): void {
    this.bus.connection.subscribe(call.subject, {
      callback: (_error, message) => {
        try {
          message.respond(JSON.stringify(z.encode(call.reply, answer(z.decode(call.request, JSON.parse(message.string()) as never) as RequestOf<C>))));
        } catch (error) {
          const carried = headers();
          carried.set('Nats-Service-Error-Code', (error as DomainError).code);
          message.respond(JSON.stringify({ message: (error as DomainError).message, details: {} }), { headers: carried });
        }
      },
    });
  }

  private hear<E extends Event>(event: E, take: (payload: PayloadOf<E>) => void): void {
    this.bus.connection.subscribe(event.subject, { callback: (_error, message) => take(z.decode(event.payload, JSON.parse(message.string()) as never) as PayloadOf<E>) });
  }
}

describe('the settlement service', () => {
  let directory: string;
  let anvil: Anvil;
  let database: TestDatabase;
  let nats: TestNats;
  let service: RunningService;
  let buses: Bus[];
  let caller: Caller;
  let escrow: Escrow;
  let token: Token;
  let payer: Wallet;
  let payee: Wallet;
  let other: Wallet;
  let relayer: Wallet;
  let mining: ReturnType<typeof keepMining>;
  let books: Books;
  let env: Record<string, string>;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'mizan-settlement-'));
    [anvil, database, nats] = await Promise.all([startAnvil({ stateFile: join(directory, 'state.json') }), createTestDatabase({ service: 'settlement' }), testNats()]);
    await migrate(settlement, database.ownerUrl);
    const provider = connect(anvil.rpcUrl, 31_337n);
    const wallets = anvilKeys.map((key) => new Wallet(key, provider));
    [payer, payee, other] = [wallets[1]!, wallets[2]!, wallets[4]!];
    token = new Token(await deployTestDollar(wallets[0]!), provider);
    escrow = new Escrow(await deployEscrow(wallets[0]!, { token: token.address, unit: 1n, thawSeconds: 60n }), provider);
    mining = keepMining(anvil.rpcUrl);
    const everything = await nats.credentialsWith('books', { publish: ['>'], subscribe: ['>'], responses: true });
    buses = await Promise.all([Bus.connect({ url: nats.url, creds: everything, name: 'billing' }), Bus.connect({ url: nats.url, creds: nats.credentials.gateway, name: 'gateway' })]);
    books = new Books(buses[0]!);
    caller = new Caller(buses[1]!);
    relayer = wallets[0]!;
    env = {
      NATS_URL: nats.url,
      NATS_CREDS: nats.credentialFiles.settlement,
      DATABASE_URL: database.url,
      LOG_LEVEL: 'fatal',
      SETTLEMENT_RPC_URL: anvil.rpcUrl,
      SETTLEMENT_CHAIN_ID: '31337',
      SETTLEMENT_ESCROW: escrow.address,
      SETTLEMENT_RELAYER_KEY: anvilKeys[3],
      SETTLEMENT_PAYER_KEYS: JSON.stringify({ [payer.address]: anvilKeys[1], [other.address]: anvilKeys[4] }),
      SETTLEMENT_EPOCH_MS: '0',
      SETTLEMENT_POLL_MS: '50',
      SETTLEMENT_EXPOSURE_MS: '100',
    };
    service = await runService(settlement, env);
  });

  afterAll(async () => {
    await mining.stop();
    await service.stop();
    await Promise.all(buses.map((bus) => bus.close()));
    await database.drop();
    await nats.stop();
    await anvil.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function heard<T>(list: () => T[], count: number): Promise<T[]> {
    for (let tries = 0; tries < 2_000 && list().length < count; tries++) await sleep(50);
    await sleep(100);
    expect(list()).toHaveLength(count);
    return list();
  }

  type Statement = ReplyOf<typeof settlementCalls.runEpoch>;
  const newest = async (of: string): Promise<Statement | undefined> => (await caller.call(settlementCalls.listStatements, { tenant: of, limit: 1 })).data[0];
  /**
   * The next statement of a tenant when it is final, however long the chain takes: a call waits 22 s, and what is under way, or was put off for a minute, the service also goes on with by itself.
   * `before`: the newest one until now.
   */
  async function nextFinal(of: string, before: Statement | undefined, waitsFor: readonly ErrorCode[] = []): Promise<Statement> {
    for (let tries = 0; tries < 1_000; tries += 1) {
      const said: unknown = await caller.call(settlementCalls.runEpoch, { tenant: of }).catch((error: unknown) => error);
      if (isDomainError(said) && !['CHAIN_UNAVAILABLE', 'NOTHING_DUE', ...waitsFor].includes(said.code)) throw said;
      const found = await newest(of).catch((error: unknown) => {
        if (!isDomainError(error, 'CHAIN_UNAVAILABLE')) throw error;
        return undefined;
      });
      if (found?.state === 'final' && found.id !== before?.id) return found;
      await sleep(100);
    }
    throw new Error('no statement became final');
  }

  it('is ready when the chain is the one that was configured', async () => {
    expect(await (await fetch(`${service.url}/readyz`)).json()).toEqual({ ready: true, checks: { nats: true, database: true, chain: true } });
  });

  it('tells the books of a deposit once, also when the payer is named after it', async () => {
    await depositTestDollars(payer, escrow.address, 1_000n);
    await sleep(600);
    expect(books.deposits).toEqual([]);
    await caller.call(settlementCalls.putPayer, { actor, tenant, address: payer.address.toLowerCase() });
    await depositTestDollars(payer, escrow.address, 500n);
    const deposits = await heard(() => books.deposits, 2);
    expect(deposits).toMatchObject([{ tenant, payer: payer.address, units: 1_000n }, { tenant, units: 500n }]);
  });

  it('lets an address pay for one tenant only', async () => {
    await expect(caller.call(settlementCalls.putPayer, { actor, tenant: poor, address: payer.address })).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('has nothing to settle when nothing is due, and no epoch for a tenant without a payer', async () => {
    await expect(caller.call(settlementCalls.runEpoch, { tenant })).rejects.toMatchObject({ code: 'NOTHING_DUE' });
    await expect(caller.call(settlementCalls.runEpoch, { tenant: poor })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('pays what is due in one statement, anchors the log, and tells books and log when it is final', async () => {
    books.owe(tenant, payee.address.toLowerCase(), 300n);
    books.owe(tenant, other.address, 41n);
    const settled = await nextFinal(tenant, undefined);
    expect(settled).toMatchObject({ tenant, payer: payer.address, epoch: 1, state: 'final', totalUnits: 341n, auditRoot: root, auditSize: 7 });
    expect(books.excepted).toEqual([ZeroAddress, escrow.address]);
    expect(await escrow.payer(payer.address)).toMatchObject({ available: 1_159n, cumulativeTotal: 341n, auditRoot: `0x${root}`, auditSize: 7n });

    const [event] = await heard(() => books.settled, 1);
    expect(event).toMatchObject({ statement: settled.id, tenant, totalUnits: 341n, at: { tx: settled.tx } });
    expect(event!.payees).toContainEqual({ payee: payee.address.toLowerCase(), units: 300n, cumulativeUnits: 300n });
    const [record] = await heard(() => books.records.filter(({ type }) => type === 'epoch.settled'), 1);
    const envelope = parseEnvelope(Buffer.from(record!.envelope, 'base64'));
    expect(envelope).toMatchObject({ id: settled.id, type: 'epoch.settled', tenant: 'operator' });
    expect(bodyMatchesEnvelope({ secret: Buffer.alloc(32).toString('base64'), fields: record!.fields! }, envelope)).toBe(true);

    expect(await caller.call(settlementCalls.getStatement, { tenant, id: settled.id })).toEqual(settled);
    await expect(caller.call(settlementCalls.getStatement, { tenant: poor, id: settled.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const file = await caller.call(settlementCalls.statementFile, { tenant, id: settled.id });
    expect(file).toMatchObject({ chainId: 31_337, escrow: escrow.address, statement: { payer: payer.address, epoch: 1n, cumulativeTotal: 341n } });
    expect(file.payees).toContainEqual({ address: payee.address, cumulativeUnits: 300n });
    expect(verifyStatement(file.statement, { chainId: 31_337n, escrow: escrow.address }, file.signature)).toBe(true);
    expect(listHash(file.list)).toBe(file.statement.listHash);
    expect(settled.rate).toMatchObject({ nanos: 1_000n, units: 1n, source: { kind: 'fixed', usdPerToken: '1' } });
    expect(file.rate).toEqual(settled.rate);
    expect(record!.fields).toMatchObject({ rate: { nanos: '1000', units: '1' } });
    await expect(caller.call(settlementCalls.statementFile, { tenant: poor, id: settled.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await caller.call(settlementCalls.listStatements, { tenant: null, limit: 1 })).toEqual({ data: [settled], hasMore: false });
    await expect(caller.call(settlementCalls.listStatements, { tenant: null, limit: 1, after: 'x' })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('gives each payee what is signed for it: its machine over NATS, and whoever holds its key', async () => {
    const node = ids.uuid();
    await new Publisher(buses[0]!).publish(schedulerEvents.nodeEnrolled.subject, JSON.stringify({ node, name: 'n', publicKey: 'ab'.repeat(32), payoutAddress: payee.address, offers: [] }), { id: ids.uuid() });
    const connection = await connectNats({ servers: nats.url, authenticator: credsAuthenticator(Buffer.from(await nats.nodeCredentials(node))), inboxPrefix: nodeSubjects.inboxPrefix(node) });
    const pictures: z.output<typeof nodeExposureMessage>[] = [];
    connection.subscribe(nodeSubjects.exposure(node), { callback: (_error, message) => void pictures.push(z.decode(nodeExposureMessage, message.json())) });
    const ask = async (after: number): Promise<z.output<typeof nodeStatementsReply>['statement']> =>
      z.decode(nodeStatementsReply, (await connection.request(nodeSubjects.statements(node), JSON.stringify({ v: 1, after }), { timeout: 5_000 })).json()).statement;
    // Learnt of after the statement was signed: a machine asks again.
    let handed = await ask(0);
    for (let tries = 0; tries < 2_000 && handed === null; tries++, handed = await ask(0)) await sleep(50);
    const signedAtMs = Date.now();
    const proof = { signedAtMs, signature: await payee.signMessage(payeeProofText(payee.address, signedAtMs)) };
    const { data, hasMore } = await caller.call(nonCustodyCalls.handedStatements, { payee: payee.address, proof, after: 0 });
    expect({ files: data.length, hasMore, named: data[0]!.file.payees }).toEqual({ files: 1, hasMore: false, named: [{ address: payee.address, cumulativeUnits: 300n }] });
    expect(handed).toEqual(data[0]);
    expect(verifyStatement(handed!.file.statement, { chainId: 31_337n, escrow: escrow.address }, handed!.file.signature)).toBe(true);
    expect(await ask(handed!.number)).toBeNull();
    for (const wrong of [{ ...proof, signedAtMs: proof.signedAtMs - 1 }, { ...proof, signedAtMs: proof.signedAtMs - 3_600_000 }, { ...proof, signature: await other.signMessage(payeeProofText(payee.address, proof.signedAtMs)) }]) {
      await expect(caller.call(nonCustodyCalls.handedStatements, { payee: payee.address, proof: wrong, after: 0 })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
      await expect(caller.call(nonCustodyCalls.payeeExposure, { payee: payee.address, proof: wrong })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    }

    // More is earned than the deposit covers: the gateways and the payees see it.
    const replicas = new Replicas(buses[1]!);
    const gatewaySees = await replicas.view(exposureReplica);
    const until = async (condition: () => boolean): Promise<void> => {
      for (let tries = 0; tries < 1_000 && !condition(); tries++) await sleep(50);
    };
    await until(() => gatewaySees.get(tenant)?.unsettledNanos === 0n);
    expect(gatewaySees.get(tenant)).toMatchObject({ payer: payer.address, usableNanos: 1_159_000n, unsettledNanos: 0n });
    books.earn(tenant, payee.address, 2_000n);
    await sendCall(payer, escrow.address, escrowCalls.thaw(159n));
    await until(() => gatewaySees.get(tenant)?.usableNanos === 1_000_000n);
    expect(gatewaySees.get(tenant)).toMatchObject({ usableNanos: 1_000_000n, unsettledNanos: 2_000_000n });
    // What it says was seen later than what gateways were told of last, and is the same.
    const { data: [exposure] } = await caller.call(nonCustodyCalls.exposures, { tenant });
    expect(exposure).toEqual({ ...gatewaySees.get(tenant), atMs: exposure!.atMs });
    expect(exposure!.atMs).toBeGreaterThanOrEqual(gatewaySees.get(tenant)!.atMs);
    expect((await caller.call(nonCustodyCalls.exposures, { tenant: poor })).data).toEqual([]);
    const risk = { payer: payer.address, escrow: escrow.address, availableUnits: 1_159n, thawingUnits: 159n, unsettledNanos: 2_000_000n, allUnsettledNanos: 2_000_000n, covered: false };
    expect((await caller.call(nonCustodyCalls.payeeExposure, { payee: payee.address, proof })).data).toMatchObject([risk]);
    await until(() => pictures.at(-1)?.data[0]?.thawingUnits === 159n);
    expect(pictures.at(-1)!.data).toMatchObject([risk]);
    books.earn(tenant, payee.address, -2_000n);
    replicas.stop();
    await connection.close();
  });

  it('shows each payee its credit, and reports a withdrawal', async () => {
    const before = await caller.call(settlementCalls.chainState, { tenant });
    expect(before).toMatchObject({ chainId: 31_337, escrow: escrow.address, token: token.address, tokenDecimals: 6, payer: payer.address, availableUnits: 1_159n });
    const index = before.payees.find(({ address }) => address === payee.address)!.index;
    expect(before.payees.find(({ address }) => address === payee.address)!.creditUnits).toBe(300n);

    const receipt = await sendCall(payee, escrow.address, escrowCalls.withdraw([payer.address], index, payee.address));
    expect(await token.balanceOf(payee.address)).toBe(300n);
    const [paid] = await heard(() => books.records.filter(({ type }) => type === 'payout.withdrawn'), 1);
    expect(paid).toMatchObject({ tenant: null, fields: { payee: payee.address, payer: payer.address, tx: receipt.hash, escrow: escrow.address } });
    const [event] = await heard(() => books.withdrawals, 1);
    expect(event).toMatchObject({ payee: payee.address, to: payee.address, payer: payer.address, units: 300n, at: { tx: receipt.hash } });
    expect((await caller.call(settlementCalls.chainState, { tenant })).payees.find(({ address }) => address === payee.address)!.creditUnits).toBe(0n);
  });

  it('tells the books how its payers stand at the block up to which they were told of events', async () => {
    for (let tries = 0; ; tries++) {
      const { block, payer: found } = await caller.call(closeCalls.chainPayer, {});
      const left = found?.credits.find(({ payee: address }) => address === payee.address)?.leftUnits;
      if (left === 0n || tries > 200) {
        expect(found).toMatchObject({ tenant, address: payer.address, availableUnits: 1_159n });
        expect(found!.credits).toContainEqual({ payee: payee.address, cumulativeUnits: 300n, leftUnits: 0n });
        expect(found!.credits).toContainEqual({ payee: other.address, cumulativeUnits: 41n, leftUnits: 41n });
        expect(await caller.call(closeCalls.chainPayer, { after: tenant, block })).toEqual({ block, payer: null });
        return;
      }
      await sleep(50);
    }
  });

  it('draws nothing of an empty deposit, pays as much as one covers, and the rest when it was raised', async () => {
    await caller.call(settlementCalls.putPayer, { actor, tenant: poor, address: other.address });
    books.owe(poor, payee.address, 10n);
    await expect(caller.call(settlementCalls.runEpoch, { tenant: poor })).rejects.toMatchObject({ code: 'DEPOSIT_INSUFFICIENT', details: { availableUnits: '0', dueUnits: '10' } });
    const draws = books.draws;
    await depositTestDollars(other, escrow.address, 9n);
    await heard(() => books.deposits, 3);
    const part = await nextFinal(poor, undefined);
    expect(part).toMatchObject({ totalUnits: 9n });
    await heard(() => books.settled, 2);
    await heard(() => books.records.filter(({ type }) => type === 'deposit.short'), 1);
    await expect(caller.call(settlementCalls.runEpoch, { tenant: poor })).rejects.toMatchObject({ code: 'DEPOSIT_INSUFFICIENT', details: { availableUnits: '0', dueUnits: '1' } });
    expect(books.draws).toBe(draws + 1);
    await depositTestDollars(other, escrow.address, 1n);
    await heard(() => books.deposits, 4);
    expect(await nextFinal(poor, part)).toMatchObject({ totalUnits: 1n });
    await heard(() => books.settled, 3);
    expect(await escrow.payer(other.address)).toMatchObject({ cumulativeTotal: 10n, available: 0n });
  });

  it('says CHAIN_UNAVAILABLE without drawing anything while the chain is down, and goes on when it is back', async () => {
    const [before, draws] = [await newest(tenant), books.draws];
    books.owe(tenant, payee.address.toLowerCase(), 9n);
    await anvil.stop();
    await expect(caller.call(settlementCalls.runEpoch, { tenant })).rejects.toMatchObject({ code: 'CHAIN_UNAVAILABLE', kind: 'unavailable' });
    expect((await fetch(`${service.url}/readyz`)).status).toBe(503);
    expect(books.draws).toBe(draws);
    anvil = await startAnvil({ port: anvil.port, stateFile: join(directory, 'state.json') });
    // A restarted local chain holds no state of the blocks before it for a moment.
    expect(await nextFinal(tenant, before)).toMatchObject({ epoch: 2, totalUnits: 9n });
    expect(books.draws).toBe(draws + 1);
    await heard(() => books.settled, 4);
  });

  it('that stops right after a draw settles it once when it is asked again', async () => {
    const [before, draws] = [await newest(tenant), books.draws];
    books.owe(tenant, payee.address.toLowerCase(), 5n);
    // Nobody will answer it.
    void caller.call(settlementCalls.runEpoch, { tenant }).catch(() => null);
    for (let tries = 0; tries < 20_000 && books.draws === draws; tries++) await sleep(5);
    await service.stop();
    service = await runService(settlement, env);
    expect(await nextFinal(tenant, before)).toMatchObject({ epoch: 3, totalUnits: 5n });
    expect(books.draws).toBe(draws + 1);
    const [, , , , last] = await heard(() => books.settled, 5);
    expect(last).toMatchObject({ tenant, totalUnits: 5n });
    expect((await escrow.payer(payer.address)).cumulativeTotal).toBe(355n);
  });

  it('finishes a statement that somebody else relayed', async () => {
    await service.stop();
    // No gas left today: the statement is signed, and stays where it is.
    service = await runService(settlement, { ...env, SETTLEMENT_GAS_WEI_PER_DAY: '1' });
    books.owe(tenant, payee.address.toLowerCase(), 1n);
    void caller.call(settlementCalls.runEpoch, { tenant }).catch(() => null);
    const signed = async (): Promise<{ data: string } | undefined> =>
      withClient(database.adminUrl, async (client) => (await client.query<{ data: string }>(`SELECT data FROM settlement.transactions WHERE purpose = 'settle' AND state = 'planned'`)).rows[0]);
    for (let tries = 0; tries < 4_000 && !(await signed()); tries++) await sleep(20);
    await sendCall(relayer, escrow.address, (await signed())!.data);
    await service.stop();

    service = await runService(settlement, env);
    await heard(() => books.settled, 6);
    expect((await escrow.payer(payer.address)).cumulativeTotal).toBe(356n);
    const own = async (): Promise<{ state: string }> =>
      withClient(database.adminUrl, async (client) => (await client.query<{ state: string }>(`SELECT state, error, nonce FROM settlement.transactions WHERE purpose = 'settle' ORDER BY id DESC LIMIT 1`)).rows[0]!);
    // The relayer tries its own by itself, and no later event says when.
    for (let tries = 0; tries < 2_000 && (await own()).state === 'planned'; tries++) await sleep(20);
    expect(await own()).toEqual({ state: 'failed', error: 'EpochStale', nonce: null });
  });

  it('pays more payees than fit one statement in the epochs right after it, by itself', async () => {
    await service.stop();
    service = await runService(settlement, { ...env, SETTLEMENT_PAYEES_PER_STATEMENT: '2' });
    const before = books.settled.length;
    for (const units of [7n, 8n, 9n]) books.owe(tenant, Wallet.createRandom().address.toLowerCase(), units);
    const first = await caller.call(settlementCalls.runEpoch, { tenant });
    expect(first).toMatchObject({ totalUnits: 15n });
    const settled = (await heard(() => books.settled, before + 2)).slice(before);
    expect(settled).toMatchObject([{ totalUnits: 15n, epoch: first.epoch }, { totalUnits: 9n, epoch: first.epoch + 1 }]);
    expect(settled[1]!.payees).toHaveLength(1);
    expect(await escrow.payer(payer.address)).toMatchObject({ cumulativeTotal: 380n });
  });

  it('signs nothing for a payer whose final deposit the chain took back, and pays when it is in a block again', async () => {
    const before = books.deposits.length;
    await depositTestDollars(other, escrow.address, 30n);
    const receipt = await depositTestDollars(other, escrow.address, 50n);
    await heard(() => books.deposits, before + 2);
    const usable = async (): Promise<bigint> => (await caller.call(nonCustodyCalls.exposures, { tenant: poor })).data[0]!.usableNanos;
    const raw = await askChain<string>(anvil.rpcUrl, 'eth_getRawTransactionByHash', [receipt.hash]);
    // The node is told one thing at a time.
    await mining.stop();
    await askChain(anvil.rpcUrl, 'anvil_reorg', [Number(await askChain<string>(anvil.rpcUrl, 'eth_blockNumber')) - receipt.blockNumber + 1, []]);

    // What it has left would do, and gateways are told of none of it. After many more blocks the deposit would be taken for lost.
    for (let tries = 0; tries < 600 && (await usable()) > 0n; tries++) {
      if (tries < 20) await mine(anvil.rpcUrl, 1);
      await sleep(100);
    }
    expect([await usable(), (await escrow.payer(other.address)).available]).toEqual([0n, 30n]);
    const lastOfPoor = await newest(poor);
    books.owe(poor, payee.address, 20n);
    await expect(caller.call(settlementCalls.runEpoch, { tenant: poor })).rejects.toMatchObject({ code: 'FINALITY_BROKEN', message: expect.stringContaining(receipt.hash) });

    await askChain(anvil.rpcUrl, 'eth_sendRawTransaction', [raw]);
    mining = keepMining(anvil.rpcUrl);
    expect(await nextFinal(poor, lastOfPoor, ['FINALITY_BROKEN'])).toMatchObject({ totalUnits: 20n });
    expect(books.deposits).toHaveLength(before + 2);
    expect((await escrow.payer(other.address)).available).toBe(60n);
  });

  it('shows as owed what a final statement paid that the chain took back, until that is in a block again', async () => {
    const unsettled = async (): Promise<bigint> => (await caller.call(nonCustodyCalls.exposures, { tenant: poor })).data[0]!.unsettledNanos;
    const shows = async (nanos: bigint, mining: boolean): Promise<void> => {
      for (let tries = 0; tries < 600 && (await unsettled()) !== nanos; tries++) {
        if (mining && tries < 20) await mine(anvil.rpcUrl, 1);
        await sleep(100);
      }
      expect(await unsettled()).toBe(nanos);
    };
    await shows(0n, false);
    const { data: [statement] } = await caller.call(settlementCalls.listStatements, { tenant: poor, limit: 1 });
    const { blockNumber } = await askChain<{ blockNumber: string }>(anvil.rpcUrl, 'eth_getTransactionReceipt', [statement!.tx]);
    await mining.stop();
    await askChain(anvil.rpcUrl, 'anvil_reorg', [Number(await askChain<string>(anvil.rpcUrl, 'eth_blockNumber')) - Number(blockNumber) + 1, []]);
    await shows(20_000n, true);
    mining = keepMining(anvil.rpcUrl);
    await shows(0n, false);
  });
});
