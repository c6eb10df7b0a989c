import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Wallet } from 'ethers';
import { isDomainError, SystemClock, SystemIds } from '#kernel';
import { depositTestDollars, escrowCalls, placeOf, sendCall, statementSigner } from '#chain';
import type { Escrow } from '#chain';
import { askChain } from '#local';
import { Caller } from '#messaging';
import { billingCalls, nonCustodyCalls, payeeProofText, payoutRuleCalls, settlementCalls } from '#protocol';
import type { ReplyOf } from '#protocol';
import { anvilKeys } from '#testing';
import { until } from '../payouts/books-harness.js';
import type { Books } from '../payouts/books-harness.js';
import { startSettlement } from '../payouts/settlement-harness.js';
import type { SettlementHarness } from '../payouts/settlement-harness.js';
import { whileUnsent } from './unsent-harness.js';

const ids = new SystemIds(new SystemClock());
const [owning, delegating] = [ids.uuid(), ids.uuid()];
const actor = { keyId: null, tenant: null };
const [owner, hot, first, second] = ['68', '69', '63', '64'].map((byte) => new Wallet(`0x${byte.repeat(32)}`)) as [Wallet, Wallet, Wallet, Wallet];
const self = new Wallet(anvilKeys[1]);

describe('the epochs of a payer for whom a delegate signs', () => {
  let harness: SettlementHarness;
  let owned: Wallet;
  let caller: Caller;
  let books: Books;
  let escrow: Escrow;

  beforeAll(async () => {
    harness = await startSettlement([delegating], () => ({
      SETTLEMENT_PAYER_KEYS: JSON.stringify({ [self.address]: self.privateKey }), SETTLEMENT_DELEGATE_KEYS: JSON.stringify({ [owner.address]: hot.privateKey }),
    }));
    ({ caller, books, escrow } = harness);
    owned = owner.connect(harness.provider);
    await askChain(harness.rpcUrl, 'anvil_setBalance', [owner.address, '0xde0b6b3a7640000']);
    await caller.call(settlementCalls.putPayer, { actor, tenant: delegating, address: owner.address });
    await caller.call(settlementCalls.putPayer, { actor, tenant: owning, address: self.address });
    books.owed.set(first.address.toLowerCase(), 50_000n);
    books.owed.set(second.address.toLowerCase(), 20_000n);
  });

  afterAll(() => harness?.stop());

  const order = (data: string): Promise<unknown> => sendCall(owned, escrow.address, data);
  const run = async (): Promise<ReplyOf<typeof settlementCalls.runEpoch>> => {
    await until(() => books.isIdle);
    return caller.call(settlementCalls.runEpoch, { tenant: delegating });
  };
  /** Runs when the interval after the last statement is over; whatever comes of it. */
  const inTime = async (): Promise<unknown> => {
    let outcome: unknown;
    await until(async () => {
      outcome = await run().catch((error: unknown) => error);
      return !isDomainError(outcome, 'DELEGATE_LIMITED') || outcome.details['waitMs'] === undefined;
    });
    return outcome;
  };
  const shown = async (): Promise<ReplyOf<typeof settlementCalls.chainState>['signers'][number]> => (await caller.call(settlementCalls.chainState, { tenant: delegating })).signers[0]!;
  const heldBack = async ({ address }: Wallet): Promise<string | undefined> =>
    (await caller.call(payoutRuleCalls.heldBack, { tenant: delegating })).data.find(({ payee }) => payee === address.toLowerCase())?.reasons.map(({ kind, detail }) => `${kind}: ${detail}`).join();
  const paid = async (): Promise<bigint> => (await escrow.payer(owner.address)).cumulativeTotal;

  it('are not begun while the chain does not know it as one, and it is said what its payer is to do', async () => {
    await until(async () => (await shown()).delegate !== null);
    expect(await shown()).toMatchObject({ payer: owner.address, kind: 'delegate', signer: hot.address, delegate: { standing: 'unknown', epochCapUnits: 0n, problem: expect.stringContaining(`addDelegate(${hot.address})`) } });
    expect((await caller.call(settlementCalls.chainState, { tenant: owning })).signers).toEqual([{ payer: self.address, kind: 'owner', signer: self.address, delegate: null }]);
    await expect(run()).rejects.toMatchObject({ code: 'DELEGATE_UNUSABLE', message: expect.stringContaining(`does not know ${hot.address}`) });
    expect(books.asked).toEqual([]);
  });

  it('pay nobody whom its payer has not allowed; who may be is named, with an index', async () => {
    await order(escrowCalls.addDelegate(hot.address));
    await order(escrowCalls.setLimits(30n, 2));
    await until(async () => (await shown()).delegate?.standing === 'live');
    await expect(run()).rejects.toMatchObject({ code: 'DELEGATE_LIMITED', message: expect.stringMatching(new RegExp(`${first.address}.*not registered`, 'i')) });
    for (const wallet of [first, second]) await until(async () => /^not-allowed: .*allowPayees\(0, 0x/.test((await heldBack(wallet)) ?? ''));
    await expect(run()).rejects.toMatchObject({ code: 'DELEGATE_LIMITED', message: expect.stringContaining('allowPayees(0, 0x') });
  });

  it('pay a debt above the cap one after the other, and who is not on the list stays owed', async () => {
    const { word, bit } = placeOf((await escrow.indexOf(first.address))!);
    await order(escrowCalls.allowPayees(word, bit));
    await depositTestDollars(owned, escrow.address, 1_000n);
    await until(async () => books.deposits.length > 0 && (await heldBack(first)) === undefined);
    const one = await run();
    expect(one).toMatchObject({ state: 'final', totalUnits: 30n, payer: owner.address });
    expect(books.asked.at(-1)).toMatchObject({ only: [first.address.toLowerCase()], unitsMax: 30n });
    const file = await caller.call(settlementCalls.statementFile, { tenant: delegating, id: one.id });
    expect(file.signer).toBe(hot.address);
    expect(statementSigner(file.statement, { chainId: 31_337n, escrow: escrow.address }, file.signature)).toBe(hot.address);
    // The rest goes on by itself, when the interval is over.
    await until(async () => (await paid()) === 50n);
    const landed = (await escrow.events(0, await harness.provider.getBlockNumber())).filter((event) => event.name === 'EpochSettled' && event.payer === owner.address);
    const times = await Promise.all(landed.map(async ({ at }) => (await harness.provider.getBlock(at.blockHash))!.timestamp));
    expect(times).toHaveLength(2);
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(2);
    expect(await heldBack(second)).toContain('not-allowed');
    const { delegate } = await shown();
    expect(delegate).toMatchObject({ standing: 'live', problem: null, epochCapUnits: 30n, minIntervalSeconds: 2, next: null });
    expect(delegate!.sinceBlock).toBeLessThan(delegate!.block);
  });

  it('are voided where its payer lowered the cap under a signed statement, and what fits is paid anew', async () => {
    await until(() => books.isIdle);
    books.owed.set(first.address.toLowerCase(), 25_000n);
    let given: ReturnType<typeof inTime> | undefined;
    const signed = await whileUnsent(harness, delegating, () => (given = inTime()), () => order(escrowCalls.setLimits(20n, 2)));
    await until(() => books.takenBack.length > 0);
    await until(async () => (await paid()) === 70n);
    await until(async () => (await paid()) === 75n);
    await given;
    expect(books.takenBack).toEqual([signed.id]);
    await until(() => harness.records.some(({ type, id }) => type === 'statement.voided' && id === signed.id));
    const units = (await escrow.events(0, await harness.provider.getBlockNumber())).flatMap((event) => (event.name === 'EpochSettled' && event.payer === owner.address ? [event.units] : []));
    expect(units).toEqual([30n, 20n, 0n, 20n, 5n]);
    // Its payee is told that what it holds of it is void.
    const signedAtMs = Date.now();
    const proof = { signedAtMs, signature: await first.signMessage(payeeProofText(first.address, signedAtMs)) };
    const handed = await caller.call(nonCustodyCalls.handedStatements, { payee: first.address, proof, after: 0 });
    const isVoid = handed.data.filter(({ number }) => handed.voided?.includes(number)).map(({ file }) => file);
    expect(isVoid).toMatchObject([{ signer: hot.address, payees: [{ address: first.address, cumulativeUnits: 75n }] }]);
    // Also when the payer raises its limits again.
    const landing = await harness.provider.call({ to: escrow.address, data: signed.data }).catch((error: unknown) => error);
    expect(escrow.errorOf((landing as { data: string }).data)).toMatchObject({ name: 'EpochStale' });
  });

  it('end when its payer has revoked it', async () => {
    await until(() => books.isIdle);
    await order(escrowCalls.revokeDelegate(hot.address));
    await until(async () => (await shown()).delegate?.standing === 'revoked');
    books.owed.set(first.address.toLowerCase(), 3_000n);
    const asked = books.asked.length;
    await expect(run()).rejects.toMatchObject({ code: 'DELEGATE_UNUSABLE', message: expect.stringContaining('has revoked its delegate') });
    expect(books.asked).toHaveLength(asked);
    expect(await paid()).toBe(75n);
  });

  it('leave nothing drawn in the books then: a draw whose answer was lost is owed again, and no id of it is drawn twice', async () => {
    const lost = ids.uuid();
    await new Caller(harness.bus).call(billingCalls.drawPayables, { statement: lost, tenant: delegating, only: [first.address.toLowerCase()] });
    expect([books.isIdle, books.owed.has(first.address.toLowerCase())]).toEqual([false, false]);
    await expect(caller.call(settlementCalls.runEpoch, { tenant: delegating })).rejects.toMatchObject({ code: 'DELEGATE_UNUSABLE' });
    expect(books.takenBack.at(-1)).toBe(lost);
    expect([books.isIdle, books.owed.get(first.address.toLowerCase())]).toEqual([true, 3_000n]);
    await expect(run()).rejects.toMatchObject({ code: 'DELEGATE_UNUSABLE' });
    expect(books.takenBack.filter((id) => id === lost)).toHaveLength(1);
  });
});
