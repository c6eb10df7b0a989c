import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Wallet } from 'ethers';
import { z } from 'zod';
import { Kvm } from '@nats-io/kv';
import { depositTestDollars, sendCall, tokenCalls } from '#chain';
import type { Escrow } from '#chain';
import { isDomainError, SystemClock, SystemIds } from '#kernel';
import { askChain, withClient } from '#local';
import { Publisher } from '#messaging';
import type { Caller } from '#messaging';
import { closeCalls, depositCalls, generateSealKeys, nonCustodyCalls, payeeDisputeText, payeeRegistrationCalls, payerAdmissionCalls, payoutRuleCalls, schedulerEvents, settlementCalls, tenantReplica, x402Calls } from '#protocol';
import type { LogRecord, ReplyOf, RequestOf } from '#protocol';
import { anvilKeys, mine, placeStand, setStand } from '#testing';
import { paymentBy } from '../x402/payment-harness.js';
import { until } from './books-harness.js';
import type { Books } from './books-harness.js';
import { startSettlement } from './settlement-harness.js';
import type { SettlementHarness } from './settlement-harness.js';
import { whileUnsent } from '../epochs/unsent-harness.js';

const ids = new SystemIds(new SystemClock());
const [tenant, other, published] = ['0198c0de-0000-7000-8000-0000000000a1', '0198c0de-0000-7000-8000-0000000000a2', '0198c0de-0000-7000-8000-0000000000a3'];
const actor = { keyId: null, tenant: null };
/** A list is none without an address. */
const somebodyListed = Wallet.createRandom().address;

describe('who is paid, and who pays', () => {
  const walletAddress = new Wallet(`0x${'61'.repeat(32)}`).address;
  const oracle = new Wallet(`0x${'62'.repeat(32)}`).address;
  const sellerAddress = new Wallet(`0x${'67'.repeat(32)}`).address;
  const [first, second, third] = ['63', '64', '65'].map((byte) => new Wallet(`0x${byte.repeat(32)}`)) as [Wallet, Wallet, Wallet];
  let directory: string;
  let harness: SettlementHarness;
  let payer: Wallet;
  let caller: Caller;
  let books: Books;
  let escrow: Escrow;
  const events: string[] = [];
  const nodes: Record<string, string> = {};

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'mizan-payout-rules-'));
    harness = await startSettlement([tenant, published], async ({ rpcUrl, token }) => {
      await placeStand(rpcUrl, 'wallet', walletAddress);
      await setStand(rpcUrl, 'wallet', walletAddress, [first.address]);
      await placeStand(rpcUrl, 'sanctions', oracle);
      await setStand(rpcUrl, 'sanctions', oracle, [third.address, true]);
      writeFileSync(join(directory, 'list.txt'), `${somebodyListed} # nobody here yet\n`);
      const authorisation = { token, jurisdictions: ['DE'], issuer: 'Test issuer', authority: 'Test authority', regime: 'e-money token', reference: 'T-1', date: '2026-01-01' };
      writeFileSync(join(directory, 'tokens.json'), JSON.stringify([authorisation]));
      return {
        NODE_ENV: 'production', SETTLEMENT_PAYER_KEYS: JSON.stringify({ [new Wallet(anvilKeys[1]).address]: anvilKeys[1] }),
        SETTLEMENT_PAYEE_PROOF: 'required', SETTLEMENT_SCREENING_ORACLE: oracle, SETTLEMENT_SCREENING_LIST: join(directory, 'list.txt'), SETTLEMENT_TOKEN_AUTHORISATIONS: join(directory, 'tokens.json'), X402_PAY_TO: sellerAddress, X402_PAYER_JURISDICTION: 'DE',
      };
    });
    ({ caller, books, escrow } = harness);
    payer = new Wallet(anvilKeys[1], harness.provider);
    harness.bus.connection.subscribe('mizan.event.settlement.>', { callback: (_error, message) => void events.push(message.subject.split('.').at(-1)!) });
    for (const address of [first.address, second.address, third.address, walletAddress]) {
      nodes[address] = ids.uuid();
      await new Publisher(harness.bus).publish(schedulerEvents.nodeEnrolled.subject, JSON.stringify({ node: nodes[address], name: 'n', publicKey: 'ab'.repeat(32), payoutAddress: address, offers: [] }), { id: ids.uuid() });
    }
  });

  afterAll(async () => {
    await harness?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const seen = (type: string): LogRecord[] => harness.records.filter((record) => record.type === type);
  const challenge = (payee: string, node = nodes[payee]!): Promise<ReplyOf<typeof payeeRegistrationCalls.challenge>> => caller.call(payeeRegistrationCalls.challenge, { payee, subject: { node } });
  const known = async (payee: string): Promise<boolean> => challenge(payee).then(() => true, () => false);

  describe('a payee', () => {
    it('proves its address by text or typed data, once however often it is sent, and by nobody else', async () => {
      await until(() => known(first.address));
      const { text, typedData, validUntil, subject } = await challenge(first.address.toLowerCase(), nodes[first.address]);
      const signature = await first.signMessage(text);
      const proved = await Promise.all([1, 2, 3].map(() => caller.call(payeeRegistrationCalls.register, { payee: first.address, subject, validUntil, signature })));
      for (const each of proved) expect(each).toEqual({ ...proved[0]!, payee: first.address, subject: { node: nodes[first.address] }, scheme: 'eip191-key' });
      await until(() => seen('payee.proved').length > 0);
      expect(seen('payee.proved')).toMatchObject([{ tenant: null, fields: { payee: first.address, subject: `node ${nodes[first.address]}`, chainId: 31_337, escrow: escrow.address } }]);

      await until(() => known(second.address));
      const own = await challenge(second.address);
      const { domain, types, message } = own.typedData;
      const ask = { payee: second.address, subject: own.subject, validUntil: own.validUntil };
      for (const [wrong, code] of [
        [{ ...ask, signature }, 'NOT_ALLOWED'],
        [{ ...ask, signature: await first.signTypedData(domain, types, message) }, 'NOT_ALLOWED'],
        [{ ...ask, validUntil: own.validUntil + 1, signature: await second.signTypedData(domain, types, message) }, 'NOT_ALLOWED'],
        [{ ...ask, signature: await second.signTypedData({ ...domain, chainId: 1 }, types, message) }, 'NOT_ALLOWED'],
        [{ ...ask, subject: { node: nodes[first.address]! }, signature: await second.signTypedData(domain, types, message) }, 'NOT_FOUND'],
        [{ ...ask, subject: { organisation: tenant }, signature: await second.signTypedData(domain, types, message) }, 'NOT_FOUND'],
        [{ ...ask, validUntil: 1, signature: await second.signTypedData(domain, types, { ...message, validUntil: 1 }) }, 'NOT_ALLOWED'],
        [{ ...ask, validUntil: validUntil + 10 * 3_600, signature: await second.signTypedData(domain, types, { ...message, validUntil: validUntil + 10 * 3_600 }) }, 'NOT_ALLOWED'],
      ] as const) {
        await expect(caller.call(payeeRegistrationCalls.register, wrong)).rejects.toMatchObject({ code });
      }
      const right = await second.signTypedData(typedData.domain, types, message);
      expect(await caller.call(payeeRegistrationCalls.register, { ...ask, signature: right })).toMatchObject({ scheme: 'eip712-key' });
    });

    it('may be a wallet that is a contract, which says itself whether it signed', async () => {
      await until(() => known(walletAddress));
      const { text, subject, validUntil } = await challenge(walletAddress);
      await expect(caller.call(payeeRegistrationCalls.register, { payee: walletAddress, subject, validUntil, signature: await second.signMessage(text) })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
      await expect(caller.call(payeeRegistrationCalls.register, { payee: walletAddress, subject, validUntil, signature: '0x00' })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
      expect(await caller.call(payeeRegistrationCalls.register, { payee: walletAddress, subject, validUntil, signature: await first.signMessage(text) })).toMatchObject({ scheme: 'eip191-wallet' });
    });

    it('that a contract says is under sanctions is not registered', async () => {
      await until(() => known(third.address));
      const { text, subject, validUntil } = await challenge(third.address);
      await expect(caller.call(payeeRegistrationCalls.register, { payee: third.address, subject, validUntil, signature: await third.signMessage(text) })).rejects.toMatchObject({ code: 'SANCTIONED' });
    });

    it('is listed with its proofs, page by page', async () => {
      const sorted = [first.address, second.address, walletAddress].sort();
      const page = await caller.call(payeeRegistrationCalls.list, { limit: 2 });
      expect([page.data.map(({ payee }) => payee), page.hasMore]).toEqual([sorted.slice(0, 2), true]);
      const rest = await caller.call(payeeRegistrationCalls.list, { limit: 2, after: sorted[1]! });
      expect(rest).toMatchObject({ data: [{ payee: sorted[2], index: null, proofs: [{ subject: { node: nodes[sorted[2]!] } }] }], hasMore: false });
    });

    it('of an organisation is one whom it owes something: nobody fills the log with addresses that cost nothing', async () => {
      await (await new Kvm(harness.bus.jetstream).open('tenants')).put(published, JSON.stringify(z.encode(tenantReplica.value, { tenant: published, name: 'bank', pseudonym: 'cd'.repeat(32), sealKey: generateSealKeys().publicKey.toString('base64'), sealKeyId: ids.uuid(), projects: [] })));
      const subject = { organisation: published };
      const prove = async (wallet: Wallet): Promise<unknown> => {
        const { text, validUntil } = await caller.call(payeeRegistrationCalls.challenge, { payee: wallet.address, subject });
        return caller.call(payeeRegistrationCalls.register, { payee: wallet.address, subject, validUntil, signature: await wallet.signMessage(text) });
      };
      await until(() => caller.call(payeeRegistrationCalls.challenge, { payee: second.address, subject }).then(() => true, () => false));
      await expect(prove(second)).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('has not owed') });
      books.owed.set(second.address.toLowerCase(), 1n);
      expect(await prove(second)).toMatchObject({ payee: second.address, subject });
      books.owed.clear();
      await until(() => seen('payee.proved').some((record) => record.tenant === published));
      expect(seen('payee.proved').filter((record) => record.tenant === published)).toMatchObject([{ fields: null }]);
    });
  });

  describe('a payer', () => {
    it('is taken from where the token’s issuer is authorised, and from nowhere else', async () => {
      const put = (place?: string): Promise<unknown> => caller.call(settlementCalls.putPayer, { actor, tenant, address: payer.address, ...(place === undefined ? {} : { jurisdiction: place }) });
      await expect(put('US')).rejects.toMatchObject({ code: 'TOKEN_NOT_ALLOWED', message: expect.stringContaining('for US is on file') });
      await expect(put()).rejects.toMatchObject({ code: 'TOKEN_NOT_ALLOWED', message: expect.stringContaining('jurisdiction is not known') });
      expect(await caller.call(payerAdmissionCalls.token, {})).toMatchObject({ everywhere: false, authorisations: [{ jurisdictions: ['DE'], issuer: 'Test issuer', reference: 'T-1' }] });
      await put('DE');
      expect(await put()).toEqual({ tenant, address: payer.address, jurisdiction: 'DE' });
    });

    it('that is listed deposits what does not count until it is struck off, and then counts once', async () => {
      writeFileSync(join(directory, 'list.txt'), `${payer.address.toLowerCase()} # found today\n1BoatSLRHtKNngkdXEeobR76b53LETtpyT\n`);
      await depositTestDollars(payer, escrow.address, 1_000n);
      await until(() => events.includes('deposit-held'));
      await until(() => seen('deposit.held').length > 0);
      expect(books.deposits).toEqual([]);
      // Books and chain agree when they are compared: what does not count is in neither.
      expect((await caller.call(closeCalls.chainPayer, {})).payer).toMatchObject({ tenant, address: payer.address, availableUnits: 0n });
      // Its payer sees it, and why it does not count; nobody else does.
      const shown = (of: string): Promise<ReplyOf<typeof depositCalls.list>> => caller.call(depositCalls.list, { tenant: of, limit: 9 });
      expect((await shown(tenant)).data).toMatchObject([{ tenant, payer: payer.address, units: 1_000n, isFinal: true, held: 'the payer is on a list of sanctions' }]);
      expect((await shown(other)).data).toEqual([]);
      await expect(caller.call(settlementCalls.runEpoch, { tenant })).rejects.toMatchObject({ code: 'SANCTIONED' });
      await until(async () => (await caller.call(nonCustodyCalls.exposures, { tenant })).data[0]?.usableNanos === 0n);
      writeFileSync(join(directory, 'list.txt'), `${somebodyListed} # nobody here again, and a longer remark than before\n`);
      await until(() => books.deposits.length > 0);
      await depositTestDollars(payer, escrow.address, 5n);
      await until(() => books.deposits.length > 1);
      expect(books.deposits).toMatchObject([{ tenant, units: 1_000n }, { tenant, units: 5n }]);
      expect((await shown(tenant)).data).toMatchObject([{ units: 5n, held: null }, { units: 1_000n, held: null }]);
      await until(async () => (await caller.call(nonCustodyCalls.exposures, { tenant })).data[0]?.usableNanos === 1_005_000n);
    });
  });

  describe('what is owed', () => {
    /** The books hear of a final epoch a moment after it is one: before, they would answer the same draw. */
    const run = async (): Promise<ReplyOf<typeof settlementCalls.runEpoch>> => {
      await until(() => books.isIdle);
      return caller.call(settlementCalls.runEpoch, { tenant });
    };
    const whyNot = async (): Promise<Record<string, string[]>> => Object.fromEntries((await caller.call(payoutRuleCalls.heldBack, { tenant })).data.map(({ payee, reasons }) => [payee, reasons.map(({ kind }) => kind).sort()]));
    let statement: string;

    it('is paid to whom nothing stands against; the others stay owed, and it is said why', async () => {
      writeFileSync(join(directory, 'list.txt'), `${walletAddress}\n`);
      for (const [wallet, nanos] of [[first.address, 50_000n], [second.address, 9_000n], [third.address, 70_000n], [walletAddress, 80_000n]] as const) books.owed.set(wallet.toLowerCase(), nanos);
      await caller.call(payoutRuleCalls.putMinimum, { actor, tenant, payee: null, minimumNanos: 10_000n });
      expect(await whyNot()).toEqual({ [second.address.toLowerCase()]: ['minimum'], [third.address.toLowerCase()]: ['screening', 'unproved'], [walletAddress.toLowerCase()]: ['screening'] });
      const paid = await run();
      expect(paid).toMatchObject({ state: 'final', totalUnits: 50n });
      expect(books.asked.at(-1)!.only).toEqual([first.address.toLowerCase()]);
      statement = paid.id;
      // A minimum of its own wins.
      await caller.call(payoutRuleCalls.putMinimum, { actor, tenant, payee: second.address.toLowerCase(), minimumNanos: 1n });
      expect((await caller.call(payoutRuleCalls.listMinimums, { tenant, limit: 1 }))).toEqual({ data: [{ tenant, payee: null, minimumNanos: 10_000n }], hasMore: true });
      expect((await caller.call(payoutRuleCalls.listMinimums, { tenant: other, limit: 9 })).data).toEqual([]);
      expect(await run()).toMatchObject({ totalUnits: 9n });
    });

    it('to somebody whom a screening found is held once, however often it looks, and is not released while the list says so', async () => {
      await whyNot();
      const { data } = await caller.call(payoutRuleCalls.listHolds, { tenant: null, limit: 50 });
      expect(data).toMatchObject([walletAddress, third.address].map((payee) => ({ tenant: null, payee, source: 'screening', placedBy: null, releasedAtMs: null })));
      expect((await caller.call(payoutRuleCalls.listHolds, { tenant, limit: 50 })).data).toMatchObject([{ payee: walletAddress, reason: 'held by the operator' }, { payee: third.address }]);
      await until(() => seen('payee.held').length > 1);
      expect(seen('payee.held').map(({ fields }) => fields!['payee'])).toEqual([third.address, walletAddress]);
      const release = { actor, id: data[0]!.id, note: 'checked by hand' };
      await expect(caller.call(payoutRuleCalls.releaseHold, { ...release, tenant: null })).rejects.toMatchObject({ code: 'SANCTIONED' });
      await expect(caller.call(payoutRuleCalls.releaseHold, { ...release, tenant })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      writeFileSync(join(directory, 'list.txt'), `${somebodyListed} # only\n`);
      const released = await Promise.all([1, 2, 3].map(() => caller.call(payoutRuleCalls.releaseHold, { ...release, tenant: null })));
      expect(new Set(released.map(({ releasedAtMs }) => releasedAtMs)).size).toBe(1);
      expect(await run()).toMatchObject({ totalUnits: 80n });
    });

    it('is held by its payer for a time, and by nobody else’s payer', async () => {
      const order = { actor, tenant, payee: second.address, reason: 'invoice is missing', untilMs: Date.now() + 3_600_000 };
      await expect(caller.call(payoutRuleCalls.placeHold, { ...order, untilMs: 1 })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
      const hold = await caller.call(payoutRuleCalls.placeHold, order);
      const elsewhere = await caller.call(payoutRuleCalls.placeHold, { ...order, tenant: other, payee: first.address });
      books.owed.set(second.address.toLowerCase(), 20_000n);
      books.owed.set(first.address.toLowerCase(), 20_000n);
      expect((await caller.call(payoutRuleCalls.heldBack, { tenant })).data.filter(({ payee }) => payee === second.address.toLowerCase())).toMatchObject([{ owedNanos: 20_000n, reasons: [{ kind: 'hold', detail: 'invoice is missing' }] }]);
      expect((await run()).totalUnits).toBe(20n);
      expect((await caller.call(payoutRuleCalls.listHolds, { tenant: other, limit: 9 })).data.map(({ id }) => id)).not.toContain(hold.id);
      await expect(caller.call(payoutRuleCalls.releaseHold, { actor, tenant, id: elsewhere.id, note: 'x' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(caller.call(payoutRuleCalls.listHolds, { tenant, limit: 9, after: 'x' })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
      expect(await caller.call(payoutRuleCalls.releaseHold, { actor, tenant, id: hold.id, note: 'it came' })).toMatchObject({ releaseNote: 'it came' });
      expect(await run()).toMatchObject({ totalUnits: 20n });
    });

    it('is not paid while a line of a statement is disputed, by its payer or by its payee', async () => {
      const open = { actor, tenant, statement, payee: first.address, reason: 'the work was not done' };
      await expect(caller.call(payoutRuleCalls.openDispute, { ...open, payee: third.address })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(caller.call(payoutRuleCalls.openDispute, { ...open, tenant: other })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      const opened = await Promise.all([1, 2, 3].map(() => caller.call(payoutRuleCalls.openDispute, open)));
      expect(new Set(opened.map(({ id }) => id)).size).toBe(1);
      expect(opened[0]).toMatchObject({ tenant, statement, units: 50n, openedBy: 'payer', resolvedAtMs: null });
      books.owed.set(first.address.toLowerCase(), 30_000n);
      expect(await whyNot()).toMatchObject({ [first.address.toLowerCase()]: ['dispute'] });
      const end = { actor, tenant, id: opened[0]!.id, resolution: 'it was done after all', deployment: false };
      await expect(caller.call(payoutRuleCalls.resolveDispute, { ...end, tenant: other })).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(await caller.call(payoutRuleCalls.resolveDispute, end)).toMatchObject({ resolution: 'it was done after all' });

      const signedAtMs = Date.now();
      const reason = 'two jobs are missing';
      const byPayee = { payee: first.address, statement, reason, signedAtMs, signature: await first.signMessage(payeeDisputeText(first.address, statement, reason, signedAtMs)) };
      await expect(caller.call(payoutRuleCalls.openPayeeDispute, { ...byPayee, reason: 'three jobs are missing' })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
      const second_ = await caller.call(payoutRuleCalls.openPayeeDispute, byPayee);
      expect(second_).toMatchObject({ openedBy: 'payee', tenant });
      await expect(caller.call(payoutRuleCalls.resolveDispute, { ...end, id: second_.id })).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
      await caller.call(payoutRuleCalls.resolveDispute, { ...end, tenant: null, id: second_.id, deployment: true });
      expect((await caller.call(payoutRuleCalls.listDisputes, { tenant, limit: 1 }))).toMatchObject({ data: [{ id: second_.id }], hasMore: true });
      // What it signed for this dispute opens no other one.
      expect(await caller.call(payoutRuleCalls.openPayeeDispute, byPayee)).toMatchObject({ id: second_.id, resolution: 'it was done after all' });
      await until(() => seen('dispute.resolved').length === 2);
      expect(seen('dispute.opened')).toHaveLength(2);
      expect(await whyNot()).not.toHaveProperty(first.address.toLowerCase());
    });

    it('is paid when its payer’s own schedule says, once', async () => {
      const schedule = { kind: 'interval', minutes: 1 } as const;
      const set = await caller.call(payoutRuleCalls.putSchedule, { actor, tenant, schedule });
      expect(set).toMatchObject({ tenant, schedule });
      expect(set.nextAtMs! - Date.now()).toBeGreaterThan(0);
      expect(await caller.call(payoutRuleCalls.getSchedule, { tenant: other })).toEqual({ tenant: other, schedule: null, nextAtMs: null });
      const asked = books.asked.length;
      const moved = await withClient(harness.database.adminUrl, async (client) => client.query('UPDATE settlement.payout_schedules SET next_at_ms = 1 WHERE tenant = $1', [tenant]));
      expect(moved.rowCount).toBe(1);
      await until(() => events.includes('payout-terms-changed'));
      await until(() => books.asked.length > asked);
      await until(async () => (await escrow.payer(payer.address)).cumulativeTotal === 209n);
      expect((await caller.call(payoutRuleCalls.getSchedule, { tenant })).nextAtMs!).toBeGreaterThan(Date.now());
      expect(await caller.call(payoutRuleCalls.putSchedule, { actor, tenant, schedule: null })).toEqual({ tenant, schedule: null, nextAtMs: null });
    });

    it('is not paid to who came onto a list, or to be held, between draw and signature: all of it is owed again, and the others are paid', async () => {
      await until(() => books.isIdle);
      const [drawnBefore, paidBefore] = [books.asked.length, (await escrow.payer(payer.address)).cumulativeTotal];
      books.owed.set(first.address.toLowerCase(), 20_000n);
      books.owed.set(second.address.toLowerCase(), 30_000n);
      books.afterDraw = () => Promise.resolve(writeFileSync(join(directory, 'list.txt'), `${second.address} # while the draw was on its way\n`));
      const paid = await run();
      expect(paid).toMatchObject({ state: 'final', totalUnits: 20n });
      expect(books.asked.slice(drawnBefore).map(({ only }) => [...only!].sort())).toEqual([[first, second], [first]].map((wallets) => wallets.map(({ address }) => address.toLowerCase()).sort()));
      expect(books.takenBack).toEqual([books.asked[drawnBefore]!.statement]);
      await expect(caller.call(settlementCalls.getStatement, { tenant, id: books.takenBack[0]! })).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('taken back') });
      expect(await whyNot()).toMatchObject({ [second.address.toLowerCase()]: ['screening'] });

      // Struck off and released it is drawn again; and a person's hold is as quick.
      writeFileSync(join(directory, 'list.txt'), `${somebodyListed} # and nobody here again\n`);
      const [listed] = (await caller.call(payoutRuleCalls.listHolds, { tenant: null, limit: 1 })).data;
      await caller.call(payoutRuleCalls.releaseHold, { actor, tenant: null, id: listed!.id, note: 'a namesake' });
      let hold: string | undefined;
      books.afterDraw = async () => ({ id: hold } = await caller.call(payoutRuleCalls.placeHold, { actor, tenant, payee: second.address, reason: 'in the very moment', untilMs: null }));
      books.owed.set(first.address.toLowerCase(), 10_000n);
      expect(await run()).toMatchObject({ state: 'final', totalUnits: 10n });
      expect(books.takenBack).toHaveLength(2);
      await caller.call(payoutRuleCalls.releaseHold, { actor, tenant, id: hold!, note: 'settled' });
      expect(await run()).toMatchObject({ state: 'final', totalUnits: 30n });
      expect((await escrow.payer(payer.address)).cumulativeTotal - paidBefore).toBe(60n);
    });

    it('is never paid by a statement that was signed before its payee came onto a list: an empty one takes the epoch, and the others are paid anew', async () => {
      await until(() => books.isIdle);
      const { epoch, cumulativeTotal } = await escrow.payer(payer.address);
      for (const { address } of [first, second]) books.owed.set(address.toLowerCase(), 40_000n);
      let refused: Promise<void> | undefined;
      const start = (): void => void (refused = expect(caller.call(settlementCalls.runEpoch, { tenant })).rejects.toMatchObject({ code: 'CHAIN_REJECTED' }));
      const signed = await whileUnsent(harness, tenant, start, async ({ id }) => {
        writeFileSync(join(directory, 'list.txt'), `${second.address} # when it was signed already\n`);
        // What still waits to be sent is kept back, and nothing carries it any more.
        await refused;
        const carried = await withClient(harness.database.adminUrl, async (client) => (await client.query<{ state: string; error: string }>('SELECT t.state, t.error FROM settlement.statements s JOIN settlement.transactions t ON t.id = s.transaction WHERE s.id = $1', [id])).rows[0]);
        expect(carried).toMatchObject({ state: 'failed', error: expect.stringContaining('before it was sent') });
        await expect(caller.call(settlementCalls.runEpoch, { tenant })).rejects.toMatchObject({ code: 'SANCTIONED', message: expect.stringContaining('takes its epoch') });
        expect((await escrow.payer(payer.address)).epoch).toBe(epoch);
      });

      let paid: ReplyOf<typeof settlementCalls.runEpoch> | undefined;
      const again = (): Promise<typeof paid> => caller.call(settlementCalls.runEpoch, { tenant }).catch((error: unknown) => {
        if (isDomainError(error, 'SANCTIONED')) return undefined;
        throw error;
      });
      await until(async () => (paid = await again()) !== undefined);
      expect(paid).toMatchObject({ state: 'final', totalUnits: 40n, epoch: Number(epoch) + 3 });
      expect(books.asked.at(-1)!.only).toEqual([first.address.toLowerCase()]);
      expect(books.takenBack.at(-1)).toBe(signed.id);
      expect((await escrow.payer(payer.address)).cumulativeTotal).toBe(cumulativeTotal + 40n);
      // Whoever was given the old one cannot land it.
      const landing = await harness.provider.call({ to: escrow.address, data: signed.data }).catch((error: unknown) => error);
      expect(escrow.errorOf((landing as { data: string }).data)).toMatchObject({ name: 'EpochStale' });
      await until(() => seen('statement.voided').length > 0);
      expect(seen('statement.voided').map(({ id }) => id)).toEqual([signed.id]);
      await expect(caller.call(settlementCalls.getStatement, { tenant, id: signed.id })).rejects.toMatchObject({ code: 'NOT_FOUND', message: expect.stringContaining('taken back') });
      expect((await caller.call(settlementCalls.listStatements, { tenant, limit: 50 })).data.map(({ id }) => id)).not.toContain(signed.id);

      writeFileSync(join(directory, 'list.txt'), `${somebodyListed} # nobody here any more\n`);
      const [listed] = (await caller.call(payoutRuleCalls.listHolds, { tenant: null, limit: 1 })).data;
      await caller.call(payoutRuleCalls.releaseHold, { actor, tenant: null, id: listed!.id, note: 'a namesake again' });
      expect(await run()).toMatchObject({ state: 'final', totalUnits: 40n });
    });
  });

  describe('while a list cannot be asked', () => {
    const [stranger, depositor] = [new Wallet(`0x${'66'.repeat(32)}`), new Wallet(anvilKeys[4])];
    const awayMs = 5 * 86_400_000;
    let facilitated: RequestOf<typeof x402Calls.verify>;

    beforeAll(async () => {
      await until(() => books.isIdle);
      facilitated = await paymentOf(depositor);
      await askChain(harness.rpcUrl, 'anvil_setCode', [oracle, '0x']);
      await mine(harness.rpcUrl, 4);
    });

    it('nobody new is clear: no payee, no payer, no deposit, no payment', async () => {
      books.owed.set(stranger.address.toLowerCase(), 40_000n);
      const asked = books.asked.length;
      await expect(caller.call(payoutRuleCalls.heldBack, { tenant })).rejects.toMatchObject({ code: 'SCREENING_UNAVAILABLE' });
      await expect(caller.call(settlementCalls.runEpoch, { tenant })).rejects.toMatchObject({ code: 'SCREENING_UNAVAILABLE' });
      await expect(caller.call(settlementCalls.putPayer, { actor, tenant: other, address: depositor.address, jurisdiction: 'DE' })).rejects.toMatchObject({ code: 'SCREENING_UNAVAILABLE' });
      await expect(caller.call(x402Calls.verify, facilitated)).rejects.toMatchObject({ code: 'SCREENING_UNAVAILABLE' });
      await expect(caller.call(x402Calls.settle, { ...facilitated, tenant })).rejects.toMatchObject({ code: 'SCREENING_UNAVAILABLE' });
      expect(books.asked).toHaveLength(asked);
      await depositTestDollars(new Wallet(depositor.privateKey, harness.provider), escrow.address, 30n);
      await until(() => seen('deposit.held').some(({ fields }) => fields?.['payer'] === depositor.address));
      expect(seen('deposit.held').at(-1)!.fields).toMatchObject({ units: '30', reason: 'the payer could not be screened yet' });
    });

    it('a run that was due comes again soon, though its schedule is a month’s', async () => {
      const day = ((new Date().getUTCDate() + 13) % 28) + 1;
      await caller.call(payoutRuleCalls.putSchedule, { actor, tenant, schedule: { kind: 'monthly', day, at: '12:00' } });
      await dueNow();
      await until(async () => (await nextAtMs()) > 1);
      expect((await nextAtMs()) - Date.now()).toBeLessThan(2 * 60_000);
    });

    it('and once it answers all of it goes on: the payer is taken, its deposit counts, the run is made and the next one is next month’s', async () => {
      await placeStand(harness.rpcUrl, 'sanctions', oracle);
      await mine(harness.rpcUrl, 4);
      await caller.call(settlementCalls.putPayer, { actor, tenant: other, address: depositor.address, jurisdiction: 'DE' });
      await until(() => books.deposits.some((deposit) => deposit.tenant === other));
      expect(books.deposits.filter((deposit) => deposit.tenant === other)).toMatchObject([{ units: 30n, payer: depositor.address }]);
      expect(await caller.call(x402Calls.verify, facilitated)).toEqual({ isValid: true, payer: depositor.address });
      books.owed.set(first.address.toLowerCase(), 10_000n);
      await dueNow();
      await until(async () => (await escrow.payer(payer.address)).cumulativeTotal === 359n);
      await until(async () => (await nextAtMs()) > Date.now() + awayMs);
      const stranded = (await caller.call(payoutRuleCalls.heldBack, { tenant })).data.filter(({ payee }) => payee === stranger.address.toLowerCase());
      expect(stranded).toMatchObject([{ owedNanos: 40_000n, reasons: [{ kind: 'unproved' }] }]);
      await caller.call(payoutRuleCalls.putSchedule, { actor, tenant, schedule: null });
    });

    const nextAtMs = async (): Promise<number> => (await caller.call(payoutRuleCalls.getSchedule, { tenant })).nextAtMs!;
    const dueNow = (): Promise<unknown> => withClient(harness.database.adminUrl, async (client) => client.query('UPDATE settlement.payout_schedules SET next_at_ms = 1 WHERE tenant = $1', [tenant]));
  });

  /** An x402 payment of a wallet that has the money. */
  async function paymentOf(wallet: Wallet): Promise<RequestOf<typeof x402Calls.verify>> {
    await sendCall(new Wallet(anvilKeys[0], harness.provider), harness.token, tokenCalls.mint(wallet.address, 1_000n));
    return paymentBy(wallet, { token: harness.token, payTo: sellerAddress, seconds: 3_600 });
  }
});
