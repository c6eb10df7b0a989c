import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { billingCalls, settlementCalls, statement } from '#protocol';
import { keptStatement } from './kept-statement.js';
import type { KeptStatement } from './kept-statement.js';
import { eventually } from './sample-api.js';
import type { SampleApi } from './sample-api.js';
import type { SampleContext } from './sample-context.js';

export interface Payout {
  readonly payee: string;
  readonly payeeName: string;
  /** Decimal text in the token's whole units. */
  readonly amount: string;
  readonly token: string;
  readonly tx: string;
}

export interface Settled {
  /** The signed statement as a machine that it pays keeps it. */
  readonly kept: KeptStatement;
  readonly epochGas: bigint;
  readonly statement: string;
  /** Transaction that credited all payees and anchored the log. */
  readonly tx: string;
  readonly payouts: readonly Payout[];
}

/** Runs an epoch for the tenant, then lets everybody whom it credits withdraw. A copy of the chain is kept as it was before, with all payees registered. Errors: NOTHING_DUE, CHAIN_UNAVAILABLE, or a payout that fell short. */
export async function payProviders(admin: SampleApi, context: Pick<SampleContext, 'tenant' | 'nodes' | 'sharers' | 'chain' | 'outDir'>): Promise<Settled> {
  const query = `tenant=${context.tenant}`;
  await context.chain.register([...context.nodes.map(({ payoutAddress }) => payoutAddress), ...context.sharers.map(({ address }) => address)]);
  await context.chain.remember();
  const { id } = await admin.post('/v1/settlements', { tenant: context.tenant }, statement);
  const settled = await eventually(`statement ${id}`, async () => {
    const now = await admin.get(`/v1/settlements/${id}?${query}`, statement);
    if (now.state === 'failed') throw new Error(`statement ${id} failed`);
    return now.state === 'final' ? now : undefined;
  }, 60_000);
  const credits = await eventually('credits in the books', async () => {
    const { data } = await admin.get(`/v1/payouts?${query}&limit=200`, billingCalls.listPayouts.reply);
    const own = data.filter((payout) => payout.statement === id);
    return own.length > 0 && own.every(({ state }) => state === 'settled') ? own : undefined;
  });
  const { token, tokenDecimals } = await admin.get(`/v1/settlement/chain?${query}`, settlementCalls.chainState.reply);
  const kept = await keptStatement(context.nodes.filter(({ payoutAddress }) => credits.some(({ payee }) => payee.toLowerCase() === payoutAddress.toLowerCase())), settled);
  // For those who are paid and have no machine.
  const statementFile = join(context.outDir, 'statement.json');
  writeFileSync(statementFile, await admin.bytes(`/v1/settlements/${id}/statement?${query}`));
  const payouts: Payout[] = [];
  for (const { payee, units } of credits) {
    const { name, withdraw } = payeeOf(context, payee, statementFile);
    const withdrawn = await withdraw();
    if (withdrawn.units < units) throw new Error(`${name} withdrew ${withdrawn.units} of ${units} units`);
    payouts.push({ payee, payeeName: name, amount: decimal(withdrawn.units, tokenDecimals), token, tx: withdrawn.tx });
  }
  return { tx: settled.tx ?? '', payouts, statement: id, kept, epochGas: await context.chain.gasOf(settled.tx ?? '') };
}

function payeeOf({ nodes, sharers }: Pick<SampleContext, 'nodes' | 'sharers'>, payee: string, statementFile: string): { name: string; withdraw: () => Promise<{ tx: string; units: bigint }> } {
  const node = nodes.find(({ payoutAddress }) => payoutAddress.toLowerCase() === payee.toLowerCase());
  if (node) return { name: node.name, withdraw: () => node.withdraw() };
  const sharer = sharers.find(({ address }) => address.toLowerCase() === payee.toLowerCase());
  if (!sharer) throw new Error(`the payee ${payee} is none of those that the sample knows`);
  return { name: sharer.name, withdraw: () => sharer.withdraw(statementFile) };
}

/** Token units as decimal text of whole tokens: (1234567, 6) → 1.234567. */
export function decimal(units: bigint, decimals: number): string {
  const digits = units.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
