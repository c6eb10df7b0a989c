import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Wallet } from 'ethers';
import { isDomainError, SystemClock, SystemIds } from '#kernel';
import { depositTestDollars, escrowCalls, sendCall } from '#chain';
import { askChain, withClient } from '#local';
import { settlementCalls } from '#protocol';
import type { ReplyOf } from '#protocol';
import { anvilKeys } from '#testing';
import { until } from '../payouts/books-harness.js';
import { startSettlement } from '../payouts/settlement-harness.js';
import type { SettlementHarness } from '../payouts/settlement-harness.js';
import { whileUnsent } from './unsent-harness.js';

const tenant = new SystemIds(new SystemClock()).uuid();
const actor = { keyId: null, tenant: null };
const payer = new Wallet(anvilKeys[1]);
const [first, second] = ['63', '64'].map((byte) => new Wallet(`0x${byte.repeat(32)}`).address.toLowerCase()) as [string, string];

describe('the epochs of a payer whose deposit holds less than is due', () => {
  let harness: SettlementHarness;
  let wallet: Wallet;

  beforeAll(async () => {
    harness = await startSettlement([tenant], () => ({ SETTLEMENT_PAYER_KEYS: JSON.stringify({ [payer.address]: payer.privateKey }) }));
    wallet = payer.connect(harness.provider);
    await harness.caller.call(settlementCalls.putPayer, { actor, tenant, address: payer.address });
  });

  afterAll(() => harness?.stop());

  const run = async (): Promise<ReplyOf<typeof settlementCalls.runEpoch>> => {
    await until(() => harness.books.isIdle);
    return harness.caller.call(settlementCalls.runEpoch, { tenant });
  };
  const finalUnits = async (): Promise<bigint> => (await harness.escrow.payer(payer.address, (await harness.provider.getBlock('finalized'))!.number)).available;
  const deposit = async (units: bigint): Promise<void> => {
    const before = await finalUnits();
    await depositTestDollars(wallet, harness.escrow.address, units);
    await until(async () => (await finalUnits()) === before + units);
  };
  const short = (): unknown[] => harness.records.filter(({ type }) => type === 'deposit.short').map(({ fields }) => fields);

  it('pay all that it holds, to whom most is owed, the last in part; the log is told, and the rest stays owed', async () => {
    harness.books.owed.set(first, 50_000n).set(second, 20_000n);
    await deposit(69n);
    expect(await run()).toMatchObject({ state: 'final', totalUnits: 69n });
    await until(() => short().length > 0);
    // Of an organisation that governance does not publish only that it happened is said.
    expect(short()).toEqual([{}]);
    await until(() => harness.books.isIdle);
    expect([...harness.books.owed]).toEqual([[second, 1_000n]]);
  });

  it('are not drawn while it is empty', async () => {
    const asked = harness.books.takenBack.length;
    await expect(run()).rejects.toMatchObject({ code: 'DEPOSIT_INSUFFICIENT', details: { availableUnits: '0', dueUnits: '1' } });
    expect([harness.books.isIdle, harness.books.takenBack.length]).toEqual([true, asked]);
  });

  it('pay what is left of it when its payer takes a part back between draw and signature', async () => {
    harness.books.owed.clear();
    await deposit(50n);
    await sendCall(wallet, harness.escrow.address, escrowCalls.thaw(30n));
    await askChain(harness.rpcUrl, 'evm_increaseTime', [61]);
    harness.books.owed.set(first, 60_000n);
    harness.books.afterDraw = async () => {
      await sendCall(wallet, harness.escrow.address, escrowCalls.withdrawDeposit(payer.address));
      await until(async () => (await finalUnits()) === 20n);
    };
    expect(await run()).toMatchObject({ state: 'final', totalUnits: 20n });
    expect(harness.books.asked.slice(-2).map(({ unitsMax }) => unitsMax)).toEqual([50n, 20n]);
    expect(harness.books.takenBack).toHaveLength(1);
    await until(() => harness.books.isIdle);
    expect([...harness.books.owed]).toEqual([[first, 40_000n]]);
    expect(await harness.escrow.payer(payer.address)).toMatchObject({ available: 0n, cumulativeTotal: 89n });
  });

  /** Runs an epoch whose statement is signed, handed out and not sent; `meanwhile` comes before it can be. */
  const signedThen = async (meanwhile: () => Promise<unknown>): Promise<string> => {
    return (await whileUnsent(harness, tenant, () => void run().catch(() => undefined), meanwhile)).id;
  };
  /** By the state of its transaction, a statement that is open. */
  const states = (): Promise<Record<string, string>> =>
    withClient(harness.database.adminUrl, async (client) => {
      const { rows } = await client.query<{ state: string; id: string }>('SELECT t.state, s.id FROM settlement.statements s JOIN settlement.transactions t ON t.id = s.transaction WHERE s.settled_tx IS NULL AND s.taken_back_at IS NULL');
      return Object.fromEntries(rows.map(({ state, id }) => [state, id]));
    });
  /** Asks a part of the deposit back, of which the thaw is over. */
  const thawed = async (units: bigint): Promise<void> => {
    await sendCall(wallet, harness.escrow.address, escrowCalls.thaw(units));
    await askChain(harness.rpcUrl, 'evm_increaseTime', [61]);
  };
  const takeBack = (): Promise<unknown> => sendCall(wallet, harness.escrow.address, escrowCalls.withdrawDeposit(payer.address));
  const voided = (): string[] => harness.records.flatMap(({ type, id }) => (type === 'statement.voided' ? [id] : []));

  it('are voided where their payer takes back what a signed one pays, and what is left is paid', async () => {
    await deposit(50n);
    await thawed(30n);
    const signed = await signedThen(takeBack);
    await until(() => voided().includes(signed));
    await until(async () => (await harness.escrow.payer(payer.address)).cumulativeTotal === 109n);
    await until(() => harness.books.isIdle);
    expect([...harness.books.owed]).toEqual([[first, 20_000n]]);
  });

  it('wait for a deposit that is gone, whose statement stays good; one that covers a part of it pays that part', async () => {
    await deposit(30n);
    await thawed(30n);
    const signed = await signedThen(takeBack);
    // Until the withdrawal is final it is signed anew, and refused by the chain.
    await until(async () => isDomainError(await harness.caller.call(settlementCalls.runEpoch, { tenant }).catch((error: unknown) => error), 'DEPOSIT_INSUFFICIENT'));
    expect([(await states())['failed'], voided().includes(signed)]).toEqual([signed, false]);
    await depositTestDollars(wallet, harness.escrow.address, 5n);
    await until(() => voided().includes(signed));
    await until(async () => (await harness.escrow.payer(payer.address)).cumulativeTotal === 114n);
    await until(() => harness.books.isIdle);
    expect([...harness.books.owed]).toEqual([[first, 15_000n]]);
    // Its time over or not, what was signed once for all of it cannot land.
    await deposit(15n);
    expect(await run()).toMatchObject({ state: 'final', totalUnits: 15n });
    expect(await harness.escrow.payer(payer.address)).toMatchObject({ available: 0n, cumulativeTotal: 129n });
  });
});
