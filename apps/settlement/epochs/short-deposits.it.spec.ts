import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Wallet } from 'ethers';
import { SystemClock, SystemIds } from '#kernel';
import { depositTestDollars, escrowCalls, sendCall } from '#chain';
import { askChain } from '#local';
import { settlementCalls } from '#protocol';
import type { ReplyOf } from '#protocol';
import { anvilKeys } from '#testing';
import { until } from '../payouts/books-harness.js';
import { startSettlement } from '../payouts/settlement-harness.js';
import type { SettlementHarness } from '../payouts/settlement-harness.js';

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
});
