import { createHash } from 'node:crypto';

/** The kinds of accounts, each with one meaning. Debits are positive, credits negative. */
export const accountKinds = [
  /** What a project may spend: credit. `limit = available + leased + spent` (as amounts) holds per budget. */
  'budget.limit',
  'budget.available',
  'budget.leased',
  'budget.spent',
  /** What a tenant owes for what it used. */
  'receivable',
  /** What is owed to a payee for a tenant's jobs and not yet in a statement: credit. */
  'payable',
  /** Owed for work of a node whose enrolment has not been heard of yet: credit, moved to `payable` when it is. */
  'unassigned',
  /** What the deployment adds to prices: credit. */
  'margin',
  /** What is added for a network: credit. */
  'network-fee',
  /** What agreements take off invoices. */
  'discount',
  /** Monthly fees, and what is missing to a minimum that was committed to: credit. */
  'fees',
  /** What usage was recorded too high by, and too low. */
  'corrections',
  /** What credits cost the deployment. */
  'promotion',
  /** A credit that an organisation was given and has not used: credit. */
  'granted',
  /** The deployment's own, moved by hand: its bank, what it lent. */
  'operator',
  /** Earned and kept back until the work is verified: credit. */
  'held',
  /** In a statement that is not settled yet: credit. */
  'drawn',
  /** Joins the dollar liability and the token payout. */
  'exchange',
  /** Tokens that the escrow contract holds. */
  'escrow',
  /** A tenant's tokens in the escrow: credit. */
  'deposit',
  /** A payee's tokens in the escrow, not yet withdrawn: credit. */
  'credited',
  /** Tokens that an organisation took for its own work, at its own address. */
  'wallet',
  /** What it sold for them: credit. */
  'sales',
  /** What came to that address by no sale, less what left it: credit. */
  'wallet-transfers',
  /** What a tenant owes by issued invoices, in their currency. */
  'invoiced',
  /** VAT that a seller owes to the state: credit. */
  'tax',
  /** What rounding invoices to hundredths made of the sums. */
  'rounding',
  /** Credited to tenants by credit notes. */
  'allowance',
  /** What an organisation paid and was credited afterwards: its next invoices take it, or it is paid back: credit. */
  'credit-balance',
  /** Of that: asked back and not sent yet: credit. */
  'refunding',
  /** Payments by bank, as they were told, less refunds. */
  'received',
] as const;
export type AccountKind = (typeof accountKinds)[number];

/** Accounts of the deployment itself belong to this tenant. */
export const operatorTenant = 'operator';

export const usd = 'USD';

export interface Account {
  readonly kind: AccountKind;
  readonly code: string;
  readonly currency: string;
  readonly tenant: string;
}

export const budgetAccounts = (budget: string, tenant: string) => {
  const part = (name: 'limit' | 'available' | 'leased' | 'spent'): Account => ({ kind: `budget.${name}`, code: `budget:${budget}:${name}`, currency: usd, tenant });
  return { limit: part('limit'), available: part('available'), leased: part('leased'), spent: part('spent') } as const;
};

export const receivable = (tenant: string): Account => ({ kind: 'receivable', code: `receivable:${tenant}`, currency: usd, tenant });
export const payable = (tenant: string, payee: string): Account => ({ kind: 'payable', code: `payable:${tenant}:${payee.toLowerCase()}`, currency: usd, tenant });
export const unassigned = (tenant: string, node: string): Account => ({ kind: 'unassigned', code: `unassigned:${tenant}:${node}`, currency: usd, tenant });
export const margin: Account = { kind: 'margin', code: 'margin', currency: usd, tenant: operatorTenant };
export const networkFees = (network: string | null): Account => ({ kind: 'network-fee', code: `network-fee:${network ?? 'unknown'}`, currency: usd, tenant: operatorTenant });
export const discount: Account = { kind: 'discount', code: 'discount', currency: usd, tenant: operatorTenant };
export const fees: Account = { kind: 'fees', code: 'fees', currency: usd, tenant: operatorTenant };
export const corrections: Account = { kind: 'corrections', code: 'corrections', currency: usd, tenant: operatorTenant };
export const promotion: Account = { kind: 'promotion', code: 'promotion', currency: usd, tenant: operatorTenant };
export const granted = (tenant: string, credit: string): Account => ({ kind: 'granted', code: `granted:${tenant}:${credit}`, currency: usd, tenant });
export const operatorAccount = (name: string, currency: string): Account => ({ kind: 'operator', code: `operator:${name}`, currency, tenant: operatorTenant });
export const held = (tenant: string, node: string): Account => ({ kind: 'held', code: `held:${tenant}:${node}`, currency: usd, tenant });
export const drawn = (tenant: string, payee: string): Account => ({ kind: 'drawn', code: `drawn:${tenant}:${payee.toLowerCase()}`, currency: usd, tenant });
export const exchange = (currency: string): Account => ({ kind: 'exchange', code: 'exchange', currency, tenant: operatorTenant });
export const escrow = (token: string): Account => ({ kind: 'escrow', code: 'escrow', currency: token, tenant: operatorTenant });
export const deposit = (tenant: string, token: string): Account => ({ kind: 'deposit', code: `deposit:${tenant}`, currency: token, tenant });
export const credited = (tenant: string, payee: string, token: string): Account => ({ kind: 'credited', code: `credited:${tenant}:${payee.toLowerCase()}`, currency: token, tenant });
export const wallet = (tenant: string, address: string, token: string): Account => ({ kind: 'wallet', code: `wallet:${tenant}:${address.toLowerCase()}`, currency: token, tenant });
export const sales = (tenant: string, token: string): Account => ({ kind: 'sales', code: `sales:${tenant}`, currency: token, tenant });
export const walletTransfers = (tenant: string, address: string, token: string): Account => ({ kind: 'wallet-transfers', code: `wallet-transfers:${tenant}:${address.toLowerCase()}`, currency: token, tenant });

export const invoiced = (tenant: string, currency: string): Account => ({ kind: 'invoiced', code: `invoiced:${tenant}`, currency, tenant });
export const taxDue = (seller: string, currency: string): Account => ({ kind: 'tax', code: `tax:${seller}`, currency, tenant: operatorTenant });
export const rounding = (currency: string): Account => ({ kind: 'rounding', code: 'rounding', currency, tenant: operatorTenant });
export const allowance = (currency: string): Account => ({ kind: 'allowance', code: 'allowance', currency, tenant: operatorTenant });
export const creditBalance = (tenant: string, currency: string): Account => ({ kind: 'credit-balance', code: `credit-balance:${tenant}`, currency, tenant });
export const refunding = (tenant: string, currency: string): Account => ({ kind: 'refunding', code: `refunding:${tenant}`, currency, tenant });
export const received = (currency: string): Account => ({ kind: 'received', code: 'received', currency, tenant: operatorTenant });

/** The last part of a code: payee, node or budget part. */
export const lastPart = (code: string): string => code.slice(code.lastIndexOf(':') + 1);

/** A UUID (version 8) that follows from a name: the same name always gives the same id. */
export function namedUuid(...parts: readonly string[]): string {
  const bytes = createHash('sha256').update(parts.join('\0')).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Whether an id follows from a name, as those of version 8 do. */
export const isDerived = (id: string): boolean => id[14] === '8';

export const accountId = (account: Account): string => namedUuid('account', account.currency, account.code);
