import { expect } from '@jest/globals';
import fc from 'fast-check';
import { Agreements } from './agreements/agreements.service.js';
import { monthAt } from './bills-model-harness.js';
import type { ModelAgreement, ModelBills, ModelInvoice } from './bills-model-harness.js';
import type { Books } from './books-harness.js';
import { Credits } from './credits/credits.service.js';
import { bank, frankfurt } from './invoices-harness.js';
import { InvoicesRpc } from './invoices/invoices.rpc.js';
import { PartiesRpc } from './invoices/parties.rpc.js';
import { Refunds } from './invoices/refunds.service.js';
import { RefundsRpc } from './invoices/refunds.rpc.js';
import type { Market } from './records-harness.js';

const hourMs = 3_600_000;
const nanosPerMinor = 10_000_000n;
const abs = (value: bigint): bigint => (value < 0n ? -value : value);

/** What a tenant pays with. */
export const currencies = [
  { currency: 'USD', country: 'US', vatId: null, nanosPerUsd: 1_000_000_000n, taxBasisPoints: 0n },
  { currency: 'EUR', country: 'DE', vatId: 'DE987654328', nanosPerUsd: 900_000_000n, taxBasisPoints: 1_900n },
] as const;

const members = {
  agree: { tiers: fc.subarray([[0, 333], [2, 1_000], [5, 5_000], [9, 10_000]] as const), minimum: fc.constantFrom(0, 7, 20), fees: fc.subarray([['Support', 3], ['Seats', 11]] as const), self: fc.boolean(), monthsAhead: fc.nat(1) },
  grant: { amount: fc.integer({ min: 1, max: 9_000_000_000 }), fromHours: fc.constantFrom(-800, 0, 0, 1, 2, 31), hours: fc.constantFrom(1, 3, 31, 750, 1_600), times: fc.integer({ min: 1, max: 2 }) },
  bill: { monthEnds: fc.boolean(), hours: fc.constantFrom(0, 0, 0, 1, 4), times: fc.integer({ min: 1, max: 2 }) },
  pay: { invoice: fc.nat(), share: fc.nat(150), excess: fc.boolean(), times: fc.integer({ min: 1, max: 2 }) },
  credit: { invoice: fc.nat(), share: fc.integer({ min: 1, max: 130 }), times: fc.integer({ min: 1, max: 2 }) },
  refund: { share: fc.nat(110), times: fc.integer({ min: 1, max: 2 }) },
  'end-refund': { refund: fc.nat(), paid: fc.boolean(), times: fc.integer({ min: 1, max: 2 }) },
} as const;
export type BillCommandName = keyof typeof members;
export const billCommands = members;
type Members<N extends BillCommandName> = { [K in keyof (typeof members)[N]]: (typeof members)[N][K] extends fc.Arbitrary<infer V> ? V : never };
export type BillCommand = { [N in BillCommandName]: { readonly do: N; readonly tenant: number } & Members<N> }[BillCommandName];
export const isBillCommand = (step: { do: string }): step is BillCommand => step.do in members;

export interface BillSide {
  readonly market: Market;
  readonly bills: ModelBills;
  /** One of `currencies`. */
  readonly index: 0 | 1;
}

const pick = <T>(list: readonly T[], index: number): T | undefined => list[index % Math.max(list.length, 1)];
const usd = (dollars: number): bigint => BigInt(dollars) * 1_000_000_000n;

/** Bills of tenants under random commands: each is done to the books and to the model, and what they answer must be the same. */
export class BillWalk {
  private readonly persons: readonly [{ keyId: string; tenant: null }, { keyId: string; tenant: null }];

  constructor(private readonly books: Books) {
    this.persons = [{ keyId: books.ids.uuid(), tenant: null }, { keyId: books.ids.uuid(), tenant: null }];
  }

  async open({ market, index }: Pick<BillSide, 'market' | 'index'>): Promise<void> {
    const { books, persons } = this;
    const { currency, country, vatId, nanosPerUsd } = currencies[index];
    const seller = books.ids.uuid();
    await books.get(PartiesRpc).putSeller({ actor: persons[0], id: seller, seller: { ...frankfurt, numberPrefix: `S${seller.slice(-6).toUpperCase()}` } });
    await books.get(PartiesRpc).putBuyer({ actor: persons[0], tenant: market.tenant, seller, buyer: { ...bank, currency, country, vatId } });
    if (currency !== 'USD') await books.get(PartiesRpc).putRate({ actor: persons[0], rate: { currency, nanosPerUsd, validFromMs: 0, source: 'ECB' } });
  }

  async run(side: BillSide, step: BillCommand): Promise<void> {
    switch (step.do) {
      case 'agree':
        return this.agree(side, step);
      case 'grant':
        return this.grant(side, step);
      case 'bill':
        return this.bill(side, step);
      case 'pay':
        return this.pay(side, step);
      case 'credit':
        return this.credit(side, step);
      case 'refund':
        return this.refund(side, step);
      case 'end-refund':
        return this.endRefund(side, step);
    }
  }

  private async agree({ market: { tenant }, bills }: BillSide, { tiers, minimum, fees, self, monthsAhead }: Extract<BillCommand, { do: 'agree' }>): Promise<void> {
    const { books, persons } = this;
    const nowMs = books.clock.nowMs();
    const terms = {
      tiers: tiers.map(([above, basisPoints]) => ({ aboveNanos: usd(above), basisPoints })),
      minimumNanos: minimum === 0 ? null : usd(minimum),
      fees: fees.map(([name, dollars]) => ({ name, monthlyNanos: usd(dollars) })),
    };
    const askedFromMs = monthAt(nowMs, monthsAhead);
    const { id, hash } = await books.get(Agreements).propose({ actor: persons[0], tenant, id: books.ids.uuid(), note: 'a year', effectiveFromMs: askedFromMs, ...terms });
    const approving = books.get(Agreements).approve({ actor: persons[self ? 0 : 1], tenant, id, hash });
    if (self) return expect(approving).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    const fromMs = monthAt(nowMs) === nowMs ? askedFromMs : monthAt(nowMs, 1);
    expect(await approving).toMatchObject({ state: 'approved', effectiveFromMs: fromMs });
    const agreed: ModelAgreement = { id, fromMs, approvedAtMs: nowMs, tiers: terms.tiers, minimum: usd(minimum), fees: new Map(terms.fees.map(({ name, monthlyNanos }) => [name, monthlyNanos])) };
    bills.agreements.push(agreed);
  }

  private async grant({ market: { tenant }, bills }: BillSide, step: Extract<BillCommand, { do: 'grant' }>): Promise<void> {
    const { books, persons } = this;
    const nowMs = books.clock.nowMs();
    const fromMs = monthAt(nowMs) + step.fromHours * hourMs;
    const asked = { actor: persons[0], tenant, id: books.ids.uuid(), name: 'welcome', amountNanos: BigInt(step.amount), validFromMs: fromMs, expiresAtMs: fromMs + step.hours * hourMs };
    const granting = Array.from({ length: step.times }, () => books.get(Credits).grant(asked));
    if (asked.expiresAtMs <= nowMs) return void (await Promise.all(granting.map((one) => expect(one).rejects.toMatchObject({ code: 'REQUEST_INVALID' }))));
    for (const one of granting) expect(await one).toMatchObject({ leftNanos: asked.amountNanos, lapsesAtMs: monthAt(asked.expiresAtMs - 1, 2) });
    bills.credits.push({ id: asked.id, amount: asked.amountNanos, fromMs, toMs: asked.expiresAtMs, used: 0n, lapsed: 0n });
  }

  /** The month that is over, or what has run of this one. */
  private async bill({ market: { tenant }, bills, index }: BillSide, step: Extract<BillCommand, { do: 'bill' }>): Promise<void> {
    const { books } = this;
    const nowMs = books.clock.nowMs();
    const toMs = monthAt(nowMs) + step.hours * hourMs;
    const fromMs = monthAt(toMs - 1);
    if (toMs > nowMs) return expect(this.issue(tenant, fromMs, toMs)).rejects.toMatchObject({ code: expect.stringMatching(/^(INVOICE_IMPOSSIBLE|NOTHING_DUE)$/) as unknown });
    const known = bills.invoices.find((one) => one.fromMs === fromMs && one.toMs === toMs);
    if (known) {
      expect(await this.issue(tenant, fromMs, toMs)).toMatchObject({ id: known.id, grossMinor: known.gross });
      return;
    }
    const { usage, terms, hasLines } = bills.bill(toMs);
    const asked = Array.from({ length: step.times }, () => this.issue(tenant, fromMs, toMs));
    if (!hasLines) return void (await Promise.all(asked.map((one) => expect(one).rejects.toMatchObject({ code: 'NOTHING_DUE' }))));
    const [issued, ...again] = await Promise.all(asked);
    for (const one of again) expect(one.id).toBe(issued!.id);
    const { document } = (await books.get(InvoicesRpc).get({ tenant, id: issued!.id })) as unknown as { document: { usageNanos: bigint; netMinor: bigint; taxMinor: bigint; grossMinor: bigint; lines: { id: number; netMinor: bigint }[] } };
    const said = terms.reduce((sum, [, nanos]) => sum + nanos, usage);
    expect(document.usageNanos).toBe(said);
    const rows = await books.within((manager) => manager.query<{ kind: string; nanos: string }[]>(`SELECT kind, amount_nanos AS nanos FROM billing.invoiced_terms WHERE invoice = $1 AND kind <> 'usage'`, [issued!.id]));
    expect(rows.map(({ kind, nanos }) => `${kind} ${nanos}`).sort()).toEqual(terms.map(([kind, nanos]) => `${kind} ${nanos}`).sort());
    // Each line is rounded by itself.
    const exact = (said * currencies[index].nanosPerUsd) / 1_000_000_000n;
    expect(abs(document.netMinor * nanosPerMinor - exact) <= (BigInt(document.lines.length) * nanosPerMinor) / 2n + 1n).toBe(true);
    expect([document.lines.reduce((sum, { netMinor }) => sum + netMinor, 0n), bills.taxOn(document.netMinor)]).toEqual([document.netMinor, document.taxMinor]);
    expect(document.grossMinor).toBe(document.netMinor + document.taxMinor);
    const invoice: ModelInvoice = { id: issued!.id, fromMs, toMs, issuedAtMs: nowMs, gross: document.grossMinor, lines: new Map(document.lines.map(({ id, netMinor }) => [id, netMinor])), paid: 0n, credited: 0n, returned: 0n, creditedNet: 0n, creditedTax: 0n };
    // A balance pays the invoice that is issued, not those that are open from before.
    invoice.paid = bills.balance < invoice.gross ? bills.balance : invoice.gross;
    bills.balance -= invoice.paid;
    bills.invoices.push(invoice);
    expect(issued).toMatchObject({ grossMinor: invoice.gross, paidMinor: invoice.paid });
  }

  private async issue(tenant: string, fromMs: number, toMs: number) {
    const { id } = await this.books.get(InvoicesRpc).draft({ tenant, fromMs, toMs });
    return this.books.get(InvoicesRpc).issue({ tenant, id });
  }

  private async pay({ market: { tenant }, bills }: BillSide, step: Extract<BillCommand, { do: 'pay' }>): Promise<void> {
    const invoice = pick(bills.invoices, step.invoice);
    if (!invoice) return;
    const due = bills.dueOf(invoice);
    // Also of what is paid already.
    const amountMinor = (due * BigInt(step.share)) / 100n + (step.excess ? BigInt(step.share % 7) : 0n);
    const asked = { actor: this.persons[0], tenant, id: this.books.ids.uuid(), invoice: invoice.id, amountMinor, reference: 'SEPA 9', paidAtMs: this.books.clock.nowMs(), excessToBalance: step.excess };
    const paying = Array.from({ length: step.times }, () => this.books.get(InvoicesRpc).pay(asked));
    if (amountMinor <= 0n || (amountMinor > due && !step.excess)) return void (await Promise.all(paying.map((one) => expect(one).rejects.toMatchObject({ code: 'REQUEST_INVALID' }))));
    const excess = amountMinor > due ? amountMinor - due : 0n;
    invoice.paid += amountMinor - excess;
    if (excess > 0n) bills.balance += excess;
    if (step.excess) bills.payFromBalance();
    for (const one of await Promise.all(paying)) expect(one.paidMinor).toBe(invoice.paid);
  }

  /** Up to all of a line, or the whole invoice. */
  private async credit({ market: { tenant }, bills }: BillSide, step: Extract<BillCommand, { do: 'credit' }>): Promise<void> {
    const invoice = pick(bills.invoices, step.invoice);
    if (!invoice) return;
    const line = [...invoice.lines].find(([, net]) => net > 0n);
    const part = step.share <= 100 && line ? ([line[0], (line[1] * BigInt(step.share) + 99n) / 100n] as const) : undefined;
    const asked = { tenant, id: this.books.ids.uuid(), invoice: invoice.id, reason: 'Wrong model', ...(part && { lines: [{ line: part[0], netMinor: part[1] }] }) };
    const noted = bills.credit(invoice, part);
    const crediting = Array.from({ length: step.times }, () => this.books.get(InvoicesRpc).credit(asked));
    if (typeof noted === 'string') await Promise.all(crediting.map((one) => expect(one).rejects.toMatchObject({ code: noted })));
    else for (const one of await Promise.all(crediting)) expect(one).toMatchObject({ id: asked.id, grossMinor: noted });
  }

  private async refund({ market: { tenant }, bills, index }: BillSide, step: Extract<BillCommand, { do: 'refund' }>): Promise<void> {
    const amountMinor = (bills.balance * BigInt(step.share)) / 100n;
    const asked = { actor: this.persons[0], tenant, id: this.books.ids.uuid(), currency: currencies[index].currency, amountMinor, reason: 'asked for' };
    const asking = Array.from({ length: step.times }, () => this.books.get(Refunds).request(asked));
    if (amountMinor <= 0n || amountMinor > bills.balance) return void (await Promise.all(asking.map((one) => expect(one).rejects.toMatchObject({ code: 'REQUEST_INVALID' }))));
    bills.balance -= amountMinor;
    bills.refunds.push({ id: asked.id, amount: amountMinor, state: 'requested' });
    for (const one of await Promise.all(asking)) expect(one).toMatchObject({ state: 'requested', amountMinor });
  }

  private async endRefund({ market: { tenant }, bills }: BillSide, step: Extract<BillCommand, { do: 'end-refund' }>): Promise<void> {
    const refund = pick(bills.refunds, step.refund);
    if (!refund) return;
    const end = step.paid ? 'paid' : 'voided';
    const isSo = refund.state === 'requested' || refund.state === end;
    if (refund.state === 'requested' && !step.paid) bills.balance += refund.amount;
    if (isSo) refund.state = end;
    const said = { actor: this.persons[0], tenant, id: refund.id };
    for (let time = 0; time < step.times; time += 1) {
      const ending = step.paid ? this.books.get(Refunds).pay({ ...said, reference: 'SEPA 11', paidAtMs: 1 }) : this.books.get(Refunds).void(said);
      if (isSo) expect(await ending).toMatchObject({ state: end });
      else await expect(ending).rejects.toMatchObject({ code: 'CONFLICT' });
    }
  }

  async expectSame({ market: { tenant }, bills, index }: BillSide): Promise<void> {
    const { books } = this;
    const rows = await books.within((manager) => manager.query<{ id: string; paid: string; credited: string; returned: string }[]>(`SELECT id, paid_minor AS paid, credited_minor AS credited, returned_minor AS returned FROM billing.invoices WHERE tenant = $1 AND kind = 'invoice' AND number IS NOT NULL`, [tenant]));
    expect(new Map(rows.map(({ id, paid, credited, returned }) => [id, [BigInt(paid), BigInt(credited), BigInt(returned)]]))).toEqual(new Map(bills.invoices.map(({ id, paid, credited, returned }) => [id, [paid, credited, returned]])));
    const credits = await books.within((manager) => manager.query<{ id: string; used: string; lapsed: string }[]>('SELECT id, used_nanos AS used, lapsed_nanos AS lapsed FROM billing.credits WHERE tenant = $1', [tenant]));
    expect(new Map(credits.map(({ id, used, lapsed }) => [id, [BigInt(used), BigInt(lapsed)]]))).toEqual(new Map(bills.credits.map(({ id, used, lapsed }) => [id, [used, lapsed]])));
    const { data } = await books.get(RefundsRpc).balances({ tenant, limit: 10 });
    expect(data.map(({ currency, amountMinor, refundingMinor }) => [currency, amountMinor, refundingMinor])).toEqual(data.length === 0 && bills.balance === 0n && bills.refunding === 0n ? [] : [[currencies[index].currency, bills.balance, bills.refunding]]);
    const sums = await books.within((manager) => manager.query<{ kind: string; nanos: string }[]>(`SELECT kind, sum(balance) AS nanos FROM billing.accounts WHERE tenant = $1 AND kind IN ('receivable', 'invoiced', 'granted') GROUP BY kind`, [tenant]));
    const has = new Map(sums.map(({ kind, nanos }) => [kind, BigInt(nanos)]));
    const open = bills.invoices.reduce((sum, invoice) => sum + bills.dueOf(invoice), 0n);
    expect({ receivable: has.get('receivable') ?? 0n, invoiced: has.get('invoiced') ?? 0n, granted: -(has.get('granted') ?? 0n) }).toEqual({ receivable: bills.unbilled, invoiced: open * nanosPerMinor, granted: bills.granted });
  }
}
