import { billingCalls, settlementCalls, statement } from '#protocol';
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
  /** Transaction that credited all payees and anchored the log. */
  readonly tx: string;
  readonly payouts: readonly Payout[];
}

/** Runs an epoch for the tenant, then lets every credited machine withdraw. Errors: NOTHING_DUE, CHAIN_UNAVAILABLE, or a payout that fell short. */
export async function payProviders(admin: SampleApi, context: Pick<SampleContext, 'tenant' | 'nodes'>): Promise<Settled> {
  const query = `tenant=${context.tenant}`;
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
  const payouts: Payout[] = [];
  for (const { payee, units } of credits) {
    const node = context.nodes.find(({ payoutAddress }) => payoutAddress.toLowerCase() === payee.toLowerCase());
    if (!node) throw new Error(`the payee ${payee} is none of the machines`);
    const withdrawn = await node.withdraw();
    if (withdrawn.units < units) throw new Error(`${node.name} withdrew ${withdrawn.units} of ${units} units`);
    payouts.push({ payee, payeeName: node.name, amount: decimal(withdrawn.units, tokenDecimals), token, tx: withdrawn.tx });
  }
  return { tx: settled.tx ?? '', payouts };
}

/** Token units as decimal text of whole tokens: (1234567, 6) → 1.234567. */
export function decimal(units: bigint, decimals: number): string {
  const digits = units.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}
