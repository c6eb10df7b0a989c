import { setTimeout as sleep } from 'node:timers/promises';
import { billingCalls, settlementCalls } from '#protocol';
import { eventually } from '../../e2e/eventually.js';
import { PayoutStack } from '../../settlement/payout-stack.js';
import type { Customer } from '../../settlement/payout-stack.js';

/** Blocks as the local chain's table has them. */
export const blockMs = 1_000;

/** The way of a statement, each step up to the moment that is written down for it: drawn by billing, kept by settlement, signed by the payer, in signed bytes, sent, in a block. */
export const stepNames = ['drawn', 'kept', 'planned', 'signed', 'sent', 'mined'] as const;

export interface Way {
  readonly tookMs: number;
  /** Milliseconds of each of {@link stepNames}. */
  readonly steps: readonly number[];
}

const momentsOf = `SELECT b.drawn_at_ms::float8 AS drawn, ${["s.created_at", "t.created_at", "t.signed_at", "a.first_sent_at"].map((moment, at) => `extract(epoch FROM ${moment})::float8 * 1000 AS "${stepNames[at + 1]!}"`).join(', ')}
  FROM settlement.statements s JOIN billing.statements b ON b.id = s.id JOIN settlement.transactions t ON t.id = s.transaction JOIN settlement.attempts a ON a.transaction = t.id AND a.number = 1 WHERE s.id = $1`;

/**
 * From the moment at which a payer's epoch is due (it is asked for, at any time between two blocks) to the block that holds its statement, in milliseconds; billing
 * and settlement as processes with the poll of a deployment. A payer's next epoch is due when the last is final; the first, in which its payees are registered, is not counted.
 */
export async function dueToMined(payers: number, epochs: number): Promise<Way[]> {
  const stack = await PayoutStack.start({ tenants: payers, tickMs: blockMs, slots: 1, env: { SETTLEMENT_EPOCH_MS: '0', SETTLEMENT_POLL_MS: '500', SETTLEMENT_EXPOSURE_MS: '2000' } });
  try {
    for (const { payer } of stack.customers) await stack.chain.deposit(payer, 1_000_000n);
    await stack.enrol();
    await stack.chain.settled();
    return (await Promise.all(stack.customers.map((customer) => epochsOf(stack, customer, epochs)))).flat();
  } finally {
    await stack.stop();
  }
}

async function epochsOf(stack: PayoutStack, customer: Customer, epochs: number): Promise<Way[]> {
  const { tenant } = customer;
  const ways: Way[] = [];
  for (let epoch = 0; epoch <= epochs; epoch += 1) {
    await stack.work(customer, stack.nodes[0]!, 5_000);
    await eventually('the work to be owed', async () => ((await stack.caller.call(billingCalls.listPayables, { tenant })).data.some(({ owedNanos }) => owedNanos >= 1_000n) ? true : undefined));
    await sleep(Math.random() * blockMs);
    const dueAt = performance.now();
    let { id, state, tx } = await stack.caller.call(settlementCalls.runEpoch, { tenant });
    while (state !== 'final') ({ id, state, tx } = await sleep(200).then(() => stack.caller.call(settlementCalls.getStatement, { tenant, id })));
    const { blockNumber } = (await stack.chain.provider.getTransactionReceipt(tx!))!;
    if (epoch > 0) ways.push(await wayOf(stack, id, dueAt, stack.chain.madeAt.get(blockNumber)!));
  }
  return ways;
}

/** Moments in the databases are of this machine's clock too; what began a transaction is its moment. */
async function wayOf(stack: PayoutStack, id: string, dueAt: number, minedAt: number): Promise<Way> {
  const { rows } = await stack.sql.query<Record<(typeof stepNames)[number], number>>(momentsOf, [id]);
  const moments = [dueAt, ...stepNames.slice(0, -1).map((name) => rows[0]![name] - performance.timeOrigin), minedAt];
  return { tookMs: minedAt - dueAt, steps: stepNames.map((_, at) => moments[at + 1]! - moments[at]!) };
}
