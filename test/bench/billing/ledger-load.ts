import { SystemClock, SystemIds } from '#kernel';
import { accountId, payable, receivable } from '../../../apps/billing/ledger/chart-of-accounts.js';
import type { Account } from '../../../apps/billing/ledger/chart-of-accounts.js';
import { move, transfer } from '../../../apps/billing/ledger/transfer.js';
import type { Transfer } from '../../../apps/billing/ledger/transfer.js';

const ids = new SystemIds(new SystemClock());
const payees = Array.from({ length: 4 }, (_, index) => `0x${index.toString(16).padStart(40, '0')}`);

export const hotTenant = ids.uuid();
export const coldTenants = Array.from({ length: 240 }, () => ids.uuid());
export const thousandTenants = Array.from({ length: 1_000 }, () => ids.uuid());

export type Choose = (index: number) => string;
/** Every second charge is the hot tenant's. */
export const halfHot: Choose = (index) => (index % 2 === 0 ? hotTenant : coldTenants[(index >> 1) % coldTenants.length]!);
export const allHot: Choose = () => hotTenant;
export const spread: Choose = (index) => thousandTenants[index % thousandTenants.length]!;

let made = 0;
/** Charges as the books post them: the tenant owes, a payee has earned. */
export function charges(count: number, choose: Choose): Transfer[] {
  return Array.from({ length: count }, () => {
    const tenant = choose(made);
    const payee = payees[(made >> 2) % payees.length]!;
    made += 1;
    return transfer(ids.uuid(), 'charge', tenant, move(payable(tenant, payee), receivable(tenant), BigInt(1 + (made % 1_000))));
  });
}

/** The accounts that `charges` move money on, for a tenant. */
export const accountsOf = (tenant: string): { receivable: Account; payables: Account[] } => ({ receivable: receivable(tenant), payables: payees.map((payee) => payable(tenant, payee)) });

/** SQL that adds plain charges to the books, `$1` to `$2` of them, on the accounts of the cold tenants; for a superuser, triggers off. */
export const existing = {
  ids: (): { tenants: string[]; receivables: string[]; payables: string[] } => ({
    tenants: coldTenants,
    receivables: coldTenants.map((tenant) => accountId(accountsOf(tenant).receivable)),
    payables: coldTenants.map((tenant) => accountId(accountsOf(tenant).payables[0]!)),
  }),
  transfers: `INSERT INTO billing.transfers (id, code, tenant, input_hash, lines)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(g), 12, '0'))::uuid, 'charge', ($3::text[])[1 + g % $4::int], md5(g::text) || md5(g::text), 2 FROM generate_series($1::int, $2::int) g`,
  postings: `INSERT INTO billing.postings (transfer, line, account, currency, tenant, amount)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(g), 12, '0'))::uuid, l, CASE l WHEN 0 THEN ($5::uuid[])[1 + g % $4::int] ELSE ($6::uuid[])[1 + g % $4::int] END, 'USD', ($3::text[])[1 + g % $4::int], CASE l WHEN 0 THEN 7 ELSE -7 END
    FROM generate_series($1::int, $2::int) g, generate_series(0, 1) l`,
  balances: `UPDATE billing.accounts a SET balance = p.amount, postings = p.postings FROM (SELECT account, sum(amount) AS amount, count(*) AS postings FROM billing.postings GROUP BY account) p WHERE p.account = a.id AND (a.balance, a.postings) <> (p.amount, p.postings)`,
} as const;
